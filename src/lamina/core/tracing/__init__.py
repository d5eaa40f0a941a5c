"""Tracers that user code stores, and what becomes of them."""
