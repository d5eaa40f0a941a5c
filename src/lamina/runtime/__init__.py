"""Running programs: tracing, compilation, caches, memory and interrupts."""
