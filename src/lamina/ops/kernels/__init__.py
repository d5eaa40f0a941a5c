"""Faster forms of ops, by platform and by what they are called with: see `table`."""

from __future__ import annotations

from lamina.ops.kernels import cpu, gpu
from lamina.ops.kernels.table import call, reference

__all__ = ["call", "cpu", "gpu", "reference"]
