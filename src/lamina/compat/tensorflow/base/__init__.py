"""Tensors, and the functions of `tensorflow` on them."""
