"""What bench_feed runs: the case, our receivers, and the peers'."""
