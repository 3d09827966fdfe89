"""Execution algorithms: a large parent order, cut into children over time and volume. Pure."""
