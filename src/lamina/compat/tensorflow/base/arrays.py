"""Functions of `tensorflow` on arrays whose meaning differs from `lamina.ops`."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina import ops
from lamina.compat.keras.backend.text import is_symbolic_text, on_symbolic_text
from lamina.compat.tensorflow.base.declare import array_op, static, with_former_names
from lamina.compat.tensorflow.base.ragged import RaggedTensor, concatenated
from lamina.compat.tensorflow.base.tensors import (
    HostTensor,
    TensorShape,
    constant,
    dtype_of,
    is_host,
    is_size,
    is_text,
    on_host,
)
from lamina.core.tracing.trace_state import is_tracing
from lamina.errors import ShapeError
from lamina.ops.types import Tensor
from lamina.typing import Array, ArrayLike, DTypeLike, PartialShape, Shape

Name = str | None
Sizes = Shape | ArrayLike


def cast(x: Any, dtype: DTypeLike, name: Name = None) -> Any:
    """Convert to an element type."""
    if is_host(x):
        return x.astype(dtype_of(dtype)).view(HostTensor)
    return ops.cast(x, jnp.dtype(dtype_of(dtype)).name)


def saturate_cast(value: ArrayLike, dtype: DTypeLike, name: Name = None) -> Any:
    """Convert to an element type, within its range."""
    kind = jnp.dtype(dtype_of(dtype))
    info = jnp.iinfo(kind) if jnp.issubdtype(kind, jnp.integer) else jnp.finfo(kind)
    return cast(ops.clip(value, info.min, info.max), dtype)


def fill(dims: Shape, value: Any, name: Name = None) -> Any:
    """Return an array filled with a value."""
    if is_text(value):
        return on_host(np.full(static(dims), value, object))
    return jnp.full(static(dims), value)


def zeros(shape: Sizes, dtype: DTypeLike = "float32", name: Name = None) -> Any:
    """Return zeros, or empty texts."""
    if dtype == "string":
        return on_host(np.full(static(shape), b"", object))
    return jnp.zeros(static(shape), dtype_of(dtype))


def ones(shape: Sizes, dtype: DTypeLike = "float32", name: Name = None) -> Any:
    """Return ones."""
    return jnp.ones(static(shape), dtype_of(dtype))


@with_former_names(tensor="input")
def zeros_like(input: ArrayLike, dtype: DTypeLike = None, name: Name = None) -> Any:
    """Return zeros of the shape of an array."""
    return ops.zeros_like(input, dtype=dtype)


@with_former_names(tensor="input")
def ones_like(input: ArrayLike, dtype: DTypeLike = None, name: Name = None) -> Any:
    """Return ones of the shape of an array."""
    return ops.ones_like(input, dtype=dtype)


def eye(
    num_rows: int,
    num_columns: int | None = None,
    batch_shape: Shape | None = None,
    dtype: DTypeLike = "float32",
    name: Name = None,
) -> Array:
    """Return identity matrices."""
    matrix = jnp.eye(num_rows, num_columns, dtype=dtype_of(dtype))
    return jnp.broadcast_to(matrix, (*static(batch_shape or ()), *matrix.shape))


def range(
    start: ArrayLike,
    limit: ArrayLike | None = None,
    delta: ArrayLike = 1,
    dtype: DTypeLike = None,
    name: Name = None,
) -> Any:
    """Return evenly spaced numbers.

    In a compiled function those of known sizes are on the host: loops over them use
    them as indices in Python.
    """
    start, limit = (0, start) if limit is None else (start, limit)
    numbers = static((start, limit, delta))
    if dtype is None and is_tracing() and is_size(numbers):
        return on_host(np.arange(*numbers, dtype="int32"))
    return jnp.arange(*numbers, dtype=dtype_of(dtype))


def linspace(
    start: ArrayLike, stop: ArrayLike, num: int, name: Name = None, axis: int = 0
) -> Any:
    """Return evenly spaced numbers, the last included."""
    return array_op(lambda a, b: jnp.linspace(a, b, int(num), axis=axis))(start, stop)


def one_hot(
    indices: Tensor,
    depth: int,
    on_value: float = 1,
    off_value: float = 0,
    axis: int | None = -1,
    dtype: DTypeLike = None,
    name: Name = None,
) -> Any:
    """Return a row for each index, with `on_value` at it."""
    kind = dtype_of(dtype or "float32")
    if is_host(indices):
        rows = np.asarray(indices)[..., None] == np.arange(depth)
        return np.where(rows, on_value, off_value).astype(kind).view(HostTensor)
    rows = ops.one_hot(indices, int(depth), axis=-1 if axis is None else axis)
    if (on_value, off_value) != (1, 0):
        rows = ops.where(rows == 1, on_value, off_value)
    return ops.cast(rows, jnp.dtype(kind).name)


def reshape(tensor: Tensor, shape: PartialShape | ArrayLike, name: Name = None) -> Any:
    """Change the shape."""
    sizes = static(shape)
    sizes = (sizes,) if isinstance(sizes, int) else sizes
    if is_host(tensor) or is_text(tensor):
        return on_host(tensor).reshape(sizes)
    if is_symbolic_text(tensor):
        return on_symbolic_text(np.reshape, (tensor, sizes), {}, jnp.reshape)
    return ops.reshape(tensor, tuple(-1 if n is None else n for n in sizes))


def concat(values: Sequence[Any], axis: int, name: Name = None) -> Any:
    """Join arrays along an axis."""
    if any(isinstance(v, RaggedTensor) for v in values):
        return concatenated(values, axis)
    if is_host(values) or any(map(is_text, values)):
        return np.concatenate([on_host(v) for v in values], axis).view(HostTensor)
    if is_symbolic_text(values):
        joined = [*values], axis
        return on_symbolic_text(np.concatenate, joined, {}, jnp.concatenate)
    return ops.concatenate(list(values), axis=axis)


def split(
    value: Any,
    num_or_size_splits: Sizes,
    axis: int = 0,
    num: int | None = None,
    name: Name = None,
) -> list[Any]:
    """Split an array into equal parts, or into parts of the given sizes."""
    parts = static(num_or_size_splits)
    if isinstance(parts, int):
        return list(ops.split(value, parts, axis))
    sizes = list(parts)
    if -1 in sizes:
        sizes[sizes.index(-1)] = value.shape[axis] - sum(sizes) - 1
    return list(ops.split(value, np.cumsum(sizes)[:-1].tolist(), axis))


def unstack(
    value: Tensor, num: int | None = None, axis: int = 0, name: Name = None
) -> list[Any]:
    """Return the slices along an axis."""
    return list(ops.unstack(value, axis=axis))


def slice(input_: Any, begin: Sizes, size: Sizes, name: Name = None) -> Any:
    """Return the block of a size at a place; -1 is all of an axis."""
    ends = zip(static(begin), static(size), strict=True)
    return input_[tuple(builtins.slice(b, None if n < 0 else b + n) for b, n in ends)]


def strided_slice(
    input_: Any,
    begin: Shape | Array,
    end: Shape | Array,
    strides: Shape | Array | None = None,
    name: Name = None,
) -> Any:
    """Return every n-th item between two places."""
    begin, end = static(begin), static(end)
    steps = static(strides) or (1,) * len(begin)
    return input_[tuple(map(builtins.slice, begin, end, steps))]


def pad(
    tensor: Tensor,
    paddings: Sequence[Any] | ArrayLike,
    mode: str = "CONSTANT",
    constant_values: Tensor = 0,
    name: Name = None,
) -> Any:
    """Add values around an array."""
    mode = mode.lower()
    options = {"constant_values": constant_values} if mode == "constant" else {}
    widths = [tuple(p) for p in static(paddings)]
    if is_host(tensor):
        return on_host(np.pad(np.asarray(tensor), widths, mode, **options))  # type: ignore[call-overload]
    return ops.pad(tensor, widths, mode, **options)


def where(
    condition: Tensor,
    x: Tensor | None = None,
    y: Any = None,
    name: Name = None,
) -> Any:
    """Select by a condition; without values, return the indices where it is true."""
    if x is None:
        return jnp.stack(jnp.nonzero(jnp.asarray(condition)), axis=-1)
    if is_host(condition, x, y):
        return np.where(condition, x, y).view(HostTensor)
    return ops.where(condition, x, y)


@with_former_names(ids="indices")
def gather(
    params: Tensor,
    indices: Tensor,
    validate_indices: bool | None = None,
    axis: int | None = None,
    batch_dims: int = 0,
    name: Name = None,
) -> Any:
    """Return the items with these indices along an axis."""
    if is_host(params) or is_text(params):
        return on_host(np.take(on_host(params), np.asarray(indices), axis or 0))
    axis = batch_dims if axis is None else axis
    take: Any = functools.partial(jnp.take, axis=axis - batch_dims)
    for _ in builtins.range(batch_dims):
        take = jax.vmap(take)
    return array_op(take)(params, indices)


def gather_nd(
    params: Tensor, indices: Tensor, batch_dims: int = 0, name: Name = None
) -> Any:
    """Return the items at tuples of indices."""
    take: Any = _take_nd
    for _ in builtins.range(batch_dims):
        take = jax.vmap(take)
    return array_op(take)(params, indices)


def _take_nd(x: Array, indices: Array) -> Array:
    return x[tuple(jnp.moveaxis(indices, -1, 0))]


def scatter_nd(
    indices: ArrayLike, updates: Tensor, shape: Sizes, name: Name = None
) -> Any:
    """Return zeros to which values are added at tuples of indices."""
    return ops.scatter(indices, updates, static(shape))


def _scatter(method: str, text: str) -> Any:
    """Return a function that changes an array at tuples of indices."""

    def scatter(
        tensor: Tensor, indices: ArrayLike, updates: Tensor, name: Name = None
    ) -> Any:
        places = tuple(jnp.moveaxis(jnp.asarray(indices), -1, 0))
        change = array_op(lambda x, v: getattr(x.at[places], method)(v))
        return change(tensor, updates)

    scatter.__doc__ = f"Return an array with {text} at tuples of indices."
    return scatter


tensor_scatter_nd_update = _scatter("set", "other values")
tensor_scatter_nd_add = _scatter("add", "values added")
tensor_scatter_nd_sub = _scatter("subtract", "values subtracted")
tensor_scatter_nd_min = _scatter("min", "the smaller values")
tensor_scatter_nd_max = _scatter("max", "the larger values")


def boolean_mask(tensor: Any, mask: ArrayLike, axis: int = 0, name: Name = None) -> Any:
    """Return the items where a mask is true."""
    places = np.nonzero(np.asarray(mask))
    if is_host(tensor):
        return tensor[places]
    return array_op(lambda x: x[(builtins.slice(None),) * axis + places])(tensor)


def sequence_mask(
    lengths: ArrayLike,
    maxlen: int | None = None,
    dtype: DTypeLike = "bool",
    name: Name = None,
) -> Array:
    """Return a row for each length, true before it."""
    sizes = jnp.asarray(lengths)
    steps = int(sizes.max()) if maxlen is None else maxlen
    return (jnp.arange(steps) < sizes[..., None]).astype(dtype_of(dtype))


def unique(x: ArrayLike, out_idx: DTypeLike = None, name: Name = None) -> Any:
    """Return the different values in order, and the index of each item in them."""
    array = on_host(x) if is_text(x) else np.asarray(x)
    places: dict[Any, int] = {}
    index = [places.setdefault(v, len(places)) for v in array.tolist()]
    values = list(places)
    return (on_host(values) if is_text(x) else jnp.asarray(values)), jnp.asarray(index)


def rank(input: Tensor, name: Name = None) -> Any:
    """Return the number of axes."""
    return on_host(np.int32(len(np.shape(input))))


def size(input: Tensor, out_type: DTypeLike = None, name: Name = None) -> Any:
    """Return the number of elements."""
    return on_host(np.int32(np.prod(np.shape(input))))


def shape_n(input: Sequence[Any], name: Name = None) -> list[TensorShape]:
    """Return the shapes of several arrays."""
    return [TensorShape(np.shape(x)) for x in input]


def ensure_shape(x: Any, shape: Sequence[int | None], name: Name = None) -> Any:
    """Return an array whose shape is checked.

    Raises:
        ShapeError: the array has another shape.
    """
    found = tuple(x.shape)
    pairs = zip(found, shape, strict=False)
    if len(found) != len(shape) or any(n not in (m, None) for m, n in pairs):
        raise ShapeError(f"tf.ensure_shape: got {found}, which is not {tuple(shape)}.")
    return x


def identity(input: Tensor, name: Name = None) -> Any:
    """Return the value of a tensor or variable."""
    if is_host(input) or is_text(input):
        return on_host(input)
    return ops.convert_to_tensor(input)


def identity_n(input: Sequence[Any], name: Name = None) -> list[Any]:
    """Return the values of several tensors or variables."""
    return [identity(x) for x in input]


def stop_gradient(input: Tensor, name: Name = None) -> Any:
    """Return a value that has no gradient."""
    return ops.stop_gradient(input)


def dynamic_partition(
    data: Any, partitions: ArrayLike, num_partitions: int, name: Name = None
) -> list[Any]:
    """Return the rows of each partition."""
    index = np.asarray(partitions)
    data = data if hasattr(data, "shape") else constant(data)
    return [data[np.nonzero(index == i)] for i in builtins.range(num_partitions)]
