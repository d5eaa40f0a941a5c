"""Functions of `tensorflow.ragged`, which return rows to look at or to pad."""

from __future__ import annotations

from lamina.compat.tensorflow.base.ragged import RaggedTensor, constant_rows, ragged

__all__ = ["RaggedTensor", "constant", "stack"]
constant = constant_rows
stack = ragged
