"""What trading is about: instruments, market events, signals, orders, books, positions. Pure."""
