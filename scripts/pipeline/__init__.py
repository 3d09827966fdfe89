"""What bench_pipeline runs beside the engine: rosters, a venue with a stopwatch, the peer."""
