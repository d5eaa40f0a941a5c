"""Forms for GPUs; importing a file puts its forms into the table."""

from __future__ import annotations

from lamina.ops.kernels.gpu import attention, recurrent

__all__ = ["attention", "recurrent"]
