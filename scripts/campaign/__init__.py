"""The kill campaign: the real engine, processes that die at any point, an audit of the books."""
