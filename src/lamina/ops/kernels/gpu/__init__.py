"""Kernels for GPUs; importing a module registers its kernels."""

from __future__ import annotations

from lamina.ops.kernels.gpu import attention, recurrent

__all__ = ["attention", "recurrent"]
