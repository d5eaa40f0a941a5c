"""Forms for CPUs."""
