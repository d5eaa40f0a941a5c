"""Checkpoints of training runs, and their restoration."""
