"""From the venue's frames to validated market events, pure."""
