"""Figures and tables of a training history."""
