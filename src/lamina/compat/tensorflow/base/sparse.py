"""Sparse tensors: the values that are not zero, and their indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.compat.tensorflow.base.tensors import TensorShape, constant, on_host
from lamina.errors import ArgumentError, ArgumentTypeError
from lamina.typing import ArrayLike, DTypeLike, Shape


class SparseTensor:
    """Values and their indices; functions of `tf.sparse` take it.

    Args:
        indices: the index of each value: (values, axes).
        values: the values.
        dense_shape: the shape of the whole.
    """

    def __init__(
        self, indices: ArrayLike, values: ArrayLike, dense_shape: Shape | ArrayLike
    ) -> None:
        sizes = np.asarray(dense_shape).tolist()
        places = np.asarray(indices, np.int64)
        self.indices = on_host(places.reshape(-1, len(sizes)))
        self.values = on_host(values)
        self.dense_shape = on_host(np.asarray(sizes, np.int64))

    @classmethod
    def of_row(cls, values: Any) -> SparseTensor:
        """Return a vector that has all its values."""
        return cls(np.arange(len(values))[:, None], values, (len(values),))

    @classmethod
    def of_rows(cls, rows: Sequence[Any]) -> SparseTensor:
        """Return a matrix with rows of different lengths."""
        indices = [(i, j) for i, row in enumerate(rows) for j in range(len(row))]
        parts = [np.asarray(row) for row in rows]
        width = max(map(len, parts), default=0)
        return cls(np.array(indices), np.concatenate(parts), (len(rows), width))

    @property
    def shape(self) -> TensorShape:
        """The shape of the whole."""
        return TensorShape(self.dense_shape.tolist())

    get_shape = shape.fget

    @property
    def dtype(self) -> Any:
        """The element type."""
        return self.values.dtype

    def __mul__(self, other: ArrayLike) -> SparseTensor:
        factor = np.broadcast_to(np.asarray(other), self.dense_shape.tolist())
        factors = factor[tuple(np.asarray(self.indices).T)]
        return SparseTensor(self.indices, self.values * factors, self.dense_shape)

    def __truediv__(self, other: ArrayLike) -> SparseTensor:
        return self * (1 / np.asarray(other))

    def dense(self, default_value: Any = None) -> Any:
        """Return all values; missing ones are zero or "" by default.

        Raises:
            ArgumentError: the indices are not in their order.
        """
        values = np.asarray(self.values)
        order = np.lexsort(np.asarray(self.indices).T[::-1])
        if (np.diff(order) < 0).any():
            raise ArgumentError(
                "The indices of the SparseTensor are not in their order. Call "
                "`tf.sparse.reorder(x)` first."
            )
        is_text = values.dtype.kind in "OSU"
        fill = default_value
        if fill is None:
            fill = b"" if is_text else 0
        found = np.full(
            self.dense_shape.tolist(), fill, object if is_text else values.dtype
        )
        found[tuple(np.asarray(self.indices).T)] = values
        return on_host(found) if is_text else constant(found)

    def __array__(
        self, dtype: DTypeLike = None, copy: bool | None = None
    ) -> np.ndarray:
        raise ArgumentTypeError(
            "Functions and layers take dense tensors. Pass `tf.sparse.to_dense(x)`."
        )

    def __repr__(self) -> str:
        return (
            f"SparseTensor(indices={self.indices.tolist()}, "
            f"values={self.values.tolist()}, shape={tuple(self.shape)})"
        )
