"""What bench_dispatch runs: the case, our side of it, and NautilusTrader's."""
