"""Functions of `tensorflow.ragged`, of rows of different lengths."""

from __future__ import annotations

from lamina.compat.tensorflow.base.ragged import (
    RaggedTensor,
    constant_rows,
    map_flat_values,
    ragged,
)

__all__ = ["RaggedTensor", "constant", "map_flat_values", "stack"]
constant = constant_rows
stack = ragged
