"""Handling of tracers that user code stores in attributes."""
