"""Kernels of ops for each platform, and their registry in `table`."""

from __future__ import annotations

from lamina.ops.kernels import cpu, gpu
from lamina.ops.kernels.table import dispatch, register_reference

__all__ = ["cpu", "dispatch", "gpu", "register_reference"]
