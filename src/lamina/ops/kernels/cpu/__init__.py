"""Forms for CPUs; importing a file puts its forms into the table."""

from __future__ import annotations

from lamina.ops.kernels.cpu import (
    bias,
    conv,
    conv_transpose,
    depthwise,
    pool,
    recurrent,
)

__all__ = ["bias", "conv", "conv_transpose", "depthwise", "pool", "recurrent"]
