"""Callbacks that act when a metric improves, or stops improving."""
