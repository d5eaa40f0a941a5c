"""Functions of `tensorflow.sparse`, on the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import ops
from lamina.compat.tensorflow.base.sparse import SparseTensor as SparseTensor
from lamina.typing import ArrayLike, Axis, DTypeLike


def from_dense(tensor: ArrayLike, name: str = "") -> SparseTensor:
    """Return the values that are not zero."""
    array = np.asarray(tensor)
    indices = np.argwhere(array)
    return SparseTensor(indices, array[tuple(indices.T)], array.shape)


def to_dense(
    sp_input: SparseTensor,
    default_value: ArrayLike | str | bytes | None = None,
    validate_indices: bool = True,
    name: str = "",
) -> Any:
    """Return all values; missing ones are zero or "" by default."""
    return sp_input.dense(default_value)


def reorder(sp_input: SparseTensor, name: str = "") -> SparseTensor:
    """Return the values in the order of their indices."""
    indices = np.asarray(sp_input.indices)
    order = np.lexsort(indices.T[::-1])
    return SparseTensor(
        indices[order], np.asarray(sp_input.values)[order], sp_input.dense_shape
    )


def transpose(
    sp_input: SparseTensor, perm: Sequence[int] | None = None, name: str = ""
) -> SparseTensor:
    """Return a tensor with its axes in another order, reversed by default."""
    order = list(range(len(sp_input.shape)))[::-1] if perm is None else list(perm)
    return reorder(
        SparseTensor(
            np.asarray(sp_input.indices)[:, order],
            sp_input.values,
            np.asarray(sp_input.dense_shape)[order],
        )
    )


def reshape(sp_input: SparseTensor, shape: Sequence[int], name: str = "") -> Any:
    """Return a tensor with the same values in another shape."""
    return from_dense(np.reshape(np.asarray(sp_input.dense()), list(shape)))


def expand_dims(sp_input: SparseTensor, axis: int = -1, name: str = "") -> Any:
    """Return a tensor with an axis of size 1 more."""
    place = axis if axis >= 0 else len(sp_input.shape) + 1 + axis
    return SparseTensor(
        np.insert(np.asarray(sp_input.indices), place, 0, axis=1),
        sp_input.values,
        np.insert(np.asarray(sp_input.dense_shape), place, 1),
    )


def sparse_dense_matmul(
    sp_a: Any, b: Any, adjoint_a: bool = False, adjoint_b: bool = False, name: str = ""
) -> Any:
    """Return the product of matrices, of which either is sparse."""
    left, right = (x.dense() if isinstance(x, SparseTensor) else x for x in (sp_a, b))
    left = ops.swapaxes(left, -1, -2) if adjoint_a else left
    right = ops.swapaxes(right, -1, -2) if adjoint_b else right
    return ops.matmul(left, right)


def add(a: Any, b: Any, threshold: float = 0) -> Any:
    """Return a sum, which is sparse if both tensors are."""
    dense = [x.dense() if isinstance(x, SparseTensor) else x for x in (a, b)]
    total = ops.add(*dense)
    both = isinstance(a, SparseTensor) and isinstance(b, SparseTensor)
    return from_dense(total) if both else total


def reduce_sum(
    sp_input: SparseTensor, axis: Axis = None, keepdims: bool = False, **_: object
) -> Any:
    """Return the sum along axes."""
    return ops.sum(sp_input.dense(), axis=axis, keepdims=keepdims)


def reduce_max(
    sp_input: SparseTensor, axis: Axis = None, keepdims: bool = False, **_: object
) -> Any:
    """Return the largest of the values along axes, 0 where there are none."""
    places = tuple(np.asarray(sp_input.indices).T)
    values = np.asarray(sp_input.values)
    has_value = np.zeros(sp_input.dense_shape.tolist(), bool)
    has_value[places] = True
    filled = np.full(has_value.shape, values.min(initial=0), values.dtype)
    filled[places] = values
    found = ops.max(filled, axis=axis, keepdims=keepdims)
    return ops.where(ops.any(has_value, axis=axis, keepdims=keepdims), found, 0)


def concat(axis: int, sp_inputs: Sequence[SparseTensor], name: str = "") -> Any:
    """Join tensors along an axis."""
    return from_dense(np.concatenate([np.asarray(s.dense()) for s in sp_inputs], axis))


def to_indicator(sp_input: SparseTensor, vocab_size: int, name: str = "") -> Any:
    """Return whether each row has each integer."""
    rows = np.zeros((int(sp_input.dense_shape[0]), int(vocab_size)), bool)
    rows[np.asarray(sp_input.indices)[:, 0], np.asarray(sp_input.values)] = True
    return ops.convert_to_tensor(rows)


def eye(
    num_rows: int,
    num_columns: int | None = None,
    dtype: DTypeLike = "float32",
    **_: object,
) -> SparseTensor:
    """Return ones on the diagonal."""
    return from_dense(np.eye(num_rows, num_columns, dtype=str(dtype)))
