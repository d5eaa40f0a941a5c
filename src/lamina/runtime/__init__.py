"""Execution of programs: compilation, caches, memory and interrupts."""
