"""Ops of the NumPy interface."""
