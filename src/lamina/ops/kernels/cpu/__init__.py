"""Kernels for CPUs; importing a module registers its kernels."""

from __future__ import annotations

from lamina.ops.kernels.cpu import (
    attention,
    bias,
    conv,
    depthwise,
    matmul,
    norms,
    onednn,
    pool,
    recurrent,
    reduce,
)

__all__ = [
    "attention",
    "bias",
    "conv",
    "depthwise",
    "matmul",
    "norms",
    "onednn",
    "pool",
    "recurrent",
    "reduce",
]
