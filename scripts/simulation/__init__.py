"""A deterministic world for the execution core: one thread, a virtual clock, one seed per run."""
