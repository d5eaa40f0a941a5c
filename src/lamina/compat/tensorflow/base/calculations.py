"""Calculations of `tensorflow` whose meaning differs from `lamina.ops`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lamina import ops
from lamina.compat.tensorflow.base.declare import with_former_names
from lamina.compat.tensorflow.base.tensors import TensorShape, dtype_of
from lamina.core.graph import op
from lamina.ops.types import Tensor
from lamina.typing import Array, ArrayLike, Axis, DTypeLike, Shape

Name = str | None


class TopK(NamedTuple):
    """Largest values of each row, and their indices."""

    values: Any
    indices: Any


def sort(
    values: Tensor, axis: int = -1, direction: str = "ASCENDING", name: Name = None
) -> Any:
    """Sort along an axis."""
    found = ops.sort(values, axis=axis)
    return found if direction == "ASCENDING" else ops.flip(found, axis=axis)


def argsort(
    values: Tensor,
    axis: int = -1,
    direction: str = "ASCENDING",
    stable: bool = False,
    name: Name = None,
) -> Any:
    """Return the indices that sort along an axis."""
    values = values if direction == "ASCENDING" else ops.negative(values)
    return ops.argsort(values, axis=axis)


@with_former_names(dimension="axis")
def argmax(
    input: Tensor,
    axis: int | None = None,
    output_type: DTypeLike = None,
    name: Name = None,
) -> Any:
    """Return the index of the largest value, along the first axis by default."""
    return ops.argmax(input, axis=axis or 0)


@with_former_names(dimension="axis")
def argmin(
    input: Tensor,
    axis: int | None = None,
    output_type: DTypeLike = None,
    name: Name = None,
) -> Any:
    """Return the index of the smallest value, along the first axis by default."""
    return ops.argmin(input, axis=axis or 0)


def cumsum(
    x: Any,
    axis: int = 0,
    exclusive: bool = False,
    reverse: bool = False,
    name: Name = None,
) -> Any:
    """Return sums of the items so far; `exclusive` omits the item itself."""
    x = ops.flip(x, axis=axis) if reverse else x
    found = ops.cumsum(x, axis=axis)
    found = found - x if exclusive else found
    return ops.flip(found, axis=axis) if reverse else found


def bincount(
    arr: ArrayLike,
    weights: ArrayLike | None = None,
    minlength: int | None = None,
    maxlength: int | None = None,
    dtype: DTypeLike = "int32",
    name: Name = None,
) -> Array:
    """Count each integer."""
    found = np.bincount(np.asarray(arr).reshape(-1), weights, minlength or 0)
    return jnp.asarray(found[:maxlength])


def confusion_matrix(
    labels: ArrayLike,
    predictions: ArrayLike,
    num_classes: int | None = None,
    weights: ArrayLike | None = None,
    dtype: DTypeLike = "int32",
    name: Name = None,
) -> Array:
    """Count the predictions of each class, for each class in a row."""
    true, guess = np.asarray(labels).reshape(-1), np.asarray(predictions).reshape(-1)
    size = num_classes or int(max(true.max(), guess.max())) + 1
    found = np.zeros((size, size))
    np.add.at(found, (true, guess), 1 if weights is None else np.asarray(weights))
    return jnp.asarray(found, dtype_of(dtype))


def count_nonzero(
    input: ArrayLike,
    axis: Axis = None,
    keepdims: bool = False,
    dtype: DTypeLike = "int64",
    name: Name = None,
) -> Any:
    """Count the items that are not zero."""
    return ops.sum(ops.cast(input != 0, "int32"), axis=axis, keepdims=keepdims)  # type: ignore[operator]


def multiply_no_nan(x: Tensor, y: Tensor, name: Name = None) -> Any:
    """Return the product, 0 where `y` is."""
    return ops.where(ops.equal(y, 0), 0.0, ops.multiply(x, y))


def xdivy(x: Tensor, y: Tensor, name: Name = None) -> Any:
    """Return the quotient, 0 where `x` is."""
    divisor = ops.where(ops.equal(x, 0), 1.0, y)
    return ops.divide(x, divisor)


def truncatediv(x: Tensor, y: Tensor, name: Name = None) -> Any:
    """Divide and round towards zero."""
    return ops.trunc(ops.divide(x, y))


def cumulative_logsumexp(
    x: Tensor, axis: int = 0, reverse: bool = False, **_: object
) -> Any:
    """Return the logarithms of the sums of the exponentials of the items so far."""
    return op(lambda a: jax.lax.cumlogsumexp(a, axis, reverse))(x)


def broadcast_static_shape(shape_x: Shape, shape_y: Shape) -> TensorShape:
    """Return the shape of the result of an operation on arrays of two shapes."""
    return TensorShape(np.broadcast_shapes(tuple(shape_x), tuple(shape_y)))


def cholesky_solve(chol: Tensor, rhs: Tensor, name: Name = None) -> Any:
    """Solve equations by the Cholesky factor of their matrix."""
    solved = op(lambda c, b: jax.scipy.linalg.cho_solve((c, True), b))
    return solved(chol, rhs)


def triangular_solve(
    matrix: Tensor,
    rhs: Tensor,
    lower: bool = True,
    adjoint: bool = False,
    name: Name = None,
) -> Any:
    """Solve equations with a triangular matrix."""
    solve = functools.partial(
        jax.scipy.linalg.solve_triangular, trans=2 if adjoint else 0, lower=lower
    )
    return op(lambda a, b: solve(a, b))(matrix, rhs)


def add_n(inputs: Sequence[Any], name: Name = None) -> Any:
    """Return the sum of several arrays."""
    return functools.reduce(ops.add, inputs)


def squared_difference(x: Tensor, y: Tensor, name: Name = None) -> Any:
    """Return the square of a difference."""
    return ops.square(ops.subtract(x, y))


def l2_normalize(
    x: Tensor,
    axis: Axis = None,
    epsilon: float = 1e-12,
    name: Name = None,
    dim: Axis = None,
) -> Any:
    """Divide by the Euclidean norm."""
    axis = axis if dim is None else dim
    total = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(total, epsilon)))


def l2_loss(t: Tensor, name: Name = None) -> Any:
    """Return half the sum of squares."""
    return ops.sum(ops.square(t)) / 2


def top_k(
    input: Tensor,
    k: int = 1,
    sorted: bool = True,
    index_type: DTypeLike = None,
    name: Name = None,
) -> Any:
    """Return the largest values and their indices."""
    return TopK(*ops.top_k(input, k, sorted=sorted))


def in_top_k(targets: Tensor, predictions: Tensor, k: int, name: Name = None) -> Any:
    """Return whether each target is among the k largest predictions."""
    return ops.in_top_k(targets, predictions, k)


def matmul(
    a: Tensor,
    b: Tensor,
    transpose_a: bool = False,
    transpose_b: bool = False,
    **_: object,
) -> Any:
    """Return the product of matrices, of which each may be transposed first."""
    a = ops.swapaxes(a, -1, -2) if transpose_a else a
    b = ops.swapaxes(b, -1, -2) if transpose_b else b
    return ops.matmul(a, b)


def matvec(a: Tensor, b: Tensor, transpose_a: bool = False, **_: object) -> Any:
    """Return the product of matrices and vectors."""
    return ops.squeeze(matmul(a, ops.expand_dims(b, -1), transpose_a), -1)


def band_part(input: Any, num_lower: int, num_upper: int, name: Name = None) -> Any:
    """Set all but the central diagonals to zero; -1 keeps all of a side."""
    rows, columns = input.shape[-2:]
    below = np.arange(rows)[:, None] - np.arange(columns)
    lower, upper = int(num_lower), int(num_upper)
    is_in = ((lower < 0) | (below <= lower)) & ((upper < 0) | (-below <= upper))
    return ops.where(is_in, input, ops.zeros_like(input))


def set_diag(input: Any, diagonal: Tensor, name: Name = None) -> Any:
    """Return matrices with another main diagonal."""
    places = np.arange(min(input.shape[-2:]))
    return op(lambda x, d: x.at[..., places, places].set(d))(input, diagonal)


def svd(
    tensor: Tensor,
    full_matrices: bool = False,
    compute_uv: bool = True,
    name: Name = None,
) -> Any:
    """Return the singular values, then the left and right singular vectors."""
    found = ops.svd(tensor, full_matrices=full_matrices, compute_uv=compute_uv)
    if not compute_uv:
        return found
    u, s, vh = found
    return s, u, ops.conjugate(ops.swapaxes(vh, -1, -2))


def complex(real: ArrayLike, imag: ArrayLike, name: Name = None) -> Any:
    """Return complex numbers from their two parts."""
    return op(jax.lax.complex)(real, imag)


def clip_by_value(
    t: Tensor, clip_value_min: Tensor, clip_value_max: Tensor, name: Name = None
) -> Any:
    """Limit values to a range."""
    return ops.clip(t, clip_value_min, clip_value_max)


def clip_by_norm(
    t: Any, clip_norm: ArrayLike, axes: Axis = None, name: Name = None
) -> Any:
    """Scale an array down to a Euclidean norm if it is larger."""
    norm = ops.sqrt(ops.sum(ops.square(t), axis=axes, keepdims=True))
    return t * (clip_norm / ops.maximum(norm, clip_norm))


def global_norm(t_list: Sequence[Any], name: Name = None) -> Any:
    """Return the Euclidean norm of several arrays together."""
    return ops.sqrt(add_n([ops.sum(ops.square(t)) for t in t_list if t is not None]))


def clip_by_global_norm(
    t_list: Sequence[Any],
    clip_norm: ArrayLike,
    use_norm: ArrayLike | None = None,
    name: Name = None,
) -> tuple[list[Any], Any]:
    """Scale arrays down to a norm of all together, and return that norm too."""
    norm = global_norm(t_list) if use_norm is None else use_norm
    factor = clip_norm / ops.maximum(norm, clip_norm)
    return [None if t is None else t * factor for t in t_list], norm


def searchsorted(
    sorted_sequence: Tensor, values: Tensor, side: str = "left", **_: object
) -> Any:
    """Return the index at which each value would be inserted."""
    return ops.searchsorted(sorted_sequence, values, side)
