"""Power cuts: what a process wrote and synced is recorded, and played back up to a cut."""
