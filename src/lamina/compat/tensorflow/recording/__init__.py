"""Gradient tapes, and functions that are compiled."""
