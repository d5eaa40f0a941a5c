"""Lazy data sets: items that are computed when they are needed."""
