"""Layers that call functions and modules of JAX, Flax and PyTorch."""
