"""What outlives the process: the order journal (SQLite, local, one writer)."""
