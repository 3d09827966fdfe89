"""What runs beside the engine: benchmarks and kill campaigns. Nothing in genesis imports them."""
