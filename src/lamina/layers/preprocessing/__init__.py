"""Layers that turn raw columns into numbers a network can learn from."""
