"""Calculations of `tensorflow` whose meaning differs from `lamina.ops`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lamina import ops
from lamina.compat.tensorflow.base.arrays import cast
from lamina.compat.tensorflow.base.declare import (
    array_op,
    declared_function,
    with_former_names,
)
from lamina.compat.tensorflow.base.matrices import global_norm
from lamina.compat.tensorflow.base.tensors import TensorShape, dtype_of
from lamina.ops.types import Tensor
from lamina.typing import Array, ArrayLike, Axis, DTypeLike, Shape

Name = str | None
_mean = declared_function("reduce_mean", "mean input_tensor, /, axis, keepdims")


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
    is_descending = direction == "DESCENDING"
    return array_op(lambda x: jnp.argsort(x, axis, descending=is_descending))(values)


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


def _running(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of the items so far; `exclusive` omits the item itself."""

    def call(
        x: Tensor,
        axis: int = 0,
        exclusive: bool = False,
        reverse: bool = False,
        name: Name = None,
    ) -> Any:
        def calculated(array: Array) -> Array:
            array = jnp.flip(array, axis) if reverse else array
            found = function(array, axis)
            if exclusive:
                found = jnp.roll(found, 1, axis)
                first = jnp.arange(found.shape[axis]) == 0
                shape = [1] * found.ndim
                shape[axis] = -1
                start = _STARTS[function]
                found = jnp.where(first.reshape(shape), start, found)
            return jnp.flip(found, axis) if reverse else found

        return array_op(calculated)(x)

    call.__name__ = function.__name__
    return call


_STARTS = {jnp.cumsum: 0, jnp.cumprod: 1, jax.lax.cumlogsumexp: -jnp.inf}
cumsum, cumprod, cumulative_logsumexp = map(_running, _STARTS)


@with_former_names(reduction_indices="axis", keep_dims="keepdims")
def reduce_mean(
    input_tensor: Any, axis: Axis = None, keepdims: bool = False, name: Name = None
) -> Any:
    """Return the mean, rounded towards zero for integers."""
    found = _mean(input_tensor, axis=axis, keepdims=keepdims)
    kind = getattr(input_tensor, "dtype", None) or np.asarray(input_tensor).dtype
    return cast(found, kind) if jnp.issubdtype(str(kind), jnp.integer) else found


def bincount(
    arr: ArrayLike,
    weights: ArrayLike | None = None,
    minlength: int | None = None,
    maxlength: int | None = None,
    dtype: DTypeLike = "int32",
    name: Name = None,
    axis: int | None = None,
    binary_output: bool = False,
) -> Array:
    """Count each integer, of the whole array or of each row for axis -1."""
    values = np.asarray(arr)
    rows = values.reshape(1, -1) if axis is None else values
    size = max(int(rows.max(initial=-1)) + 1, minlength or 0)
    size = size if maxlength is None else min(size, maxlength)
    places, columns = np.nonzero(rows < size)
    factors = np.asarray(1 if weights is None else weights)
    found = np.zeros((len(rows), size), dtype_of(dtype))
    if weights is not None:
        found = found.astype(factors.dtype)
        factors = factors.reshape(rows.shape)[places, columns]
    np.add.at(found, (places, rows[places, columns]), factors)
    found = (found > 0).astype(found.dtype) if binary_output else found
    return jnp.asarray(found[0] if axis is None else found)


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
    is_other = ops.cast(ops.not_equal(input, 0), "int32")
    return ops.sum(is_other, axis=axis, keepdims=keepdims)


def multiply_no_nan(x: Tensor, y: Tensor, name: Name = None) -> Any:
    """Return the product, 0 where `y` is."""
    return ops.where(ops.equal(y, 0), 0.0, ops.multiply(x, y))


def xdivy(x: Tensor, y: Tensor, name: Name = None) -> Any:
    """Return the quotient, 0 where `x` is."""
    divisor = ops.where(ops.equal(x, 0), 1.0, y)
    return ops.divide(x, divisor)


def truncatediv(x: Tensor, y: Tensor, name: Name = None) -> Any:
    """Divide and round towards zero."""

    def divided(a: Array, b: Array) -> Array:
        return jnp.trunc(a / b).astype(jnp.result_type(a, b))

    return array_op(divided)(x, y)


def broadcast_static_shape(shape_x: Shape, shape_y: Shape) -> TensorShape:
    """Return the shape of the result of an operation on arrays of two shapes."""
    return TensorShape(np.broadcast_shapes(tuple(shape_x), tuple(shape_y)))


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


def complex(real: ArrayLike, imag: ArrayLike, name: Name = None) -> Any:
    """Return complex numbers from their two parts."""
    return array_op(jax.lax.complex)(real, imag)


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
    """Return the index at which each value would be inserted, for each row."""
    search = functools.partial(jnp.searchsorted, side=side)
    return array_op(jnp.vectorize(search, signature="(n),(m)->(m)"))(
        sorted_sequence, values
    )
