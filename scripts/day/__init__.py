"""A client's day, compressed: how much shorter it is, what befalls it, what the venue saw."""
