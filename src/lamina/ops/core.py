"""Conversion, blocks of arrays, scatter and gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina.core.check import check_arguments, one_of, optional, require_dense
from lamina.core.dtypes import standardize_dtype
from lamina.core.graph import op
from lamina.core.tracing.arguments import as_array
from lamina.core.untrusted import check_count
from lamina.ops.types import Tensor, array_of
from lamina.typing import Array, DTypeLike

__all__ = [
    "cast",
    "convert_to_numpy",
    "convert_to_tensor",
    "custom_gradient",
    "dtype",
    "is_tensor",
    "saturate_cast",
    "scatter",
    "scatter_update",
    "shape",
    "slice",
    "slice_update",
    "stop_gradient",
    "unstack",
]

_REDUCTIONS = {"reduction": optional(one_of("add", "max", "min", "mul"))}


@op
def cast(x: Tensor, dtype: DTypeLike) -> Array:
    """Cast x to another dtype.

    Example:
        >>> cast([0.5, 1.9], "int32").tolist()
        [0, 1]
    """
    return array_of(x).astype(standardize_dtype(dtype))


def convert_to_numpy(x: Tensor) -> np.ndarray[Any, np.dtype[Any]]:
    """Convert x to a NumPy array.

    Example:
        >>> convert_to_numpy(jnp.arange(3))
        array([0, 1, 2], dtype=int32)
    """
    return np.array(as_array(x))


@op
def convert_to_tensor(
    x: Tensor,
    dtype: DTypeLike = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
) -> Array:
    """Convert a number, a sequence, a NumPy array or a variable to an array.

    Args:
        x: the values.
        dtype: `None` for their own element type.
        sparse: must not be True; arrays are dense.
        ragged: must not be True; arrays are dense.

    Example:
        >>> convert_to_tensor([1, 2, 3], dtype="float32").tolist()
        [1.0, 2.0, 3.0]
    """
    require_dense("convert_to_tensor", sparse, ragged)
    x = array_of(x)
    return x if dtype is None else x.astype(standardize_dtype(dtype))


def custom_gradient(f: Callable[..., tuple[Any, Any]]) -> Callable[..., Any]:
    """Return a function with a gradient that you define.

    Args:
        f: takes arrays; returns the result and a function. That function takes the
            gradient of the result and returns the gradient of each argument.

    Example:
        >>> @custom_gradient
        ... def clipped_square(x):
        ...     return x * x, lambda upstream: upstream * jnp.clip(2 * x, -1, 1)
        >>> float(jax.grad(clipped_square)(3.0))
        1.0
    """
    return op(jax.custom_gradient(f))


def dtype(x: Any) -> str:
    """Return the name of an array's dtype.

    Example:
        >>> dtype(jnp.zeros(2))
        'float32'
    """
    return standardize_dtype(x.dtype)


def is_tensor(x: object) -> bool:
    """Return whether x is a JAX array, concrete or traced.

    Example:
        >>> is_tensor(jnp.zeros(2)), is_tensor([0, 0])
        (True, False)
    """
    return isinstance(x, Array)


@op
def saturate_cast(x: Tensor, dtype: DTypeLike) -> Array:
    """Cast x to another dtype, with values clipped to the range of that dtype.

    Example:
        >>> saturate_cast([-1.0, 256.0], "uint8").tolist()
        [0, 255]
    """
    x, name = array_of(x), standardize_dtype(dtype)
    if x.dtype == name or x.dtype == "bool":
        return x.astype(name)
    low, high = _common_range(x.dtype, jnp.dtype(name))
    return jnp.clip(x, low, high).astype(name)


def _common_range(source: np.dtype[Any], target: np.dtype[Any]) -> list[np.ndarray]:
    """Return the least and the greatest number of `source` within both ranges."""
    (low, high), (target_low, target_high) = _range(source), _range(target)
    bounds = max(low, target_low), min(high, target_high)
    values = [np.asarray(bound, source) for bound in bounds]
    # 2**31 - 1 is 2**31 as float32, which is outside of int32.
    return [
        np.nextafter(value, source.type(0)) if abs(value.item()) > abs(bound) else value
        for value, bound in zip(values, bounds, strict=True)
    ]


def _range(dtype: np.dtype[Any]) -> tuple[float, float]:
    if dtype == "bool":
        return 0, 1
    if jnp.issubdtype(dtype, jnp.integer):
        return int(jnp.iinfo(dtype).min), int(jnp.iinfo(dtype).max)
    return float(jnp.finfo(dtype).min), float(jnp.finfo(dtype).max)


@op(static=["shape"])
def scatter(indices: Tensor, values: Tensor, shape: Sequence[int]) -> Array:
    """Add values at indices of an array of zeros.

    Args:
        indices: (n, k) integers; each row points into the first k axes.
        values: (n, ...), one for each row.
        shape: shape of the result.

    Example:
        >>> scatter([[0], [2], [2]], [1.0, 2.0, 3.0], (4,)).tolist()
        [1.0, 0.0, 5.0, 0.0]
    """
    values = array_of(values)
    return jnp.zeros(shape, values.dtype).at[_indices_by_axis(indices)].add(values)


@op
def scatter_update(
    inputs: Tensor, indices: Tensor, updates: Tensor, reduction: str | None = None
) -> Array:
    """Return a copy of `inputs` with updates at indices.

    Args:
        inputs: any array.
        indices: (n, k) integers; each row points into the first k axes.
        updates: (n, ...), one for each row.
        reduction: "add", "max", "min" or "mul" combines with the current value;
            `None` replaces it.

    Example:
        >>> scatter_update([10, 20, 30], [[0], [2]], [1, 3]).tolist()
        [1, 20, 3]
        >>> scatter_update([10, 20, 30], [[0], [2]], [1, 3], reduction="add").tolist()
        [11, 20, 33]
    """
    check_arguments("scatter_update", _REDUCTIONS, {"reduction": reduction})
    target = array_of(inputs).at[_indices_by_axis(indices)]
    method = "set" if reduction is None else reduction.lower()
    return getattr(target, method)(array_of(updates))


def _indices_by_axis(indices: Tensor) -> tuple[Array, ...]:
    return tuple(jnp.moveaxis(array_of(indices), -1, 0))


def shape(x: Any) -> tuple[Any, ...]:
    """Return the shape as a tuple; unknown sizes of symbolic tensors are `None`.

    Example:
        >>> shape(jnp.zeros((2, 3)))
        (2, 3)
        >>> shape(lamina.Input((3,)))
        (None, 3)
    """
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


@op(static=["shape"])
def slice(
    inputs: Tensor, start_indices: Sequence[int] | Array, shape: Sequence[int]
) -> Array:
    """Return the block that starts at `start_indices`.

    Args:
        inputs: any array.
        start_indices: an index for each axis; may be traced.
        shape: length along each axis, a static size; -1 for the rest of the axis.

    Example:
        >>> slice([[1, 2, 3], [4, 5, 6]], [0, 1], [2, 2]).tolist()
        [[2, 3], [5, 6]]
    """
    x = array_of(inputs)
    lengths = [
        x.shape[i] - int(start_indices[i]) if length == -1 else length
        for i, length in enumerate(shape)
    ]
    return lax.dynamic_slice(x, list(start_indices), lengths)


@op
def slice_update(
    inputs: Tensor, start_indices: Sequence[int] | Array, updates: Tensor
) -> Array:
    """Return a copy of `inputs` with the block at `start_indices` replaced.

    Example:
        >>> slice_update([[1, 2], [3, 4]], [1, 0], [[9]]).tolist()
        [[1, 2], [9, 4]]
    """
    x = array_of(inputs)
    new = array_of(updates).astype(x.dtype)
    return lax.dynamic_update_slice(x, new, list(start_indices))


@op
def stop_gradient(variable: Tensor) -> Array:
    """Return the value as a constant for differentiation.

    Example:
        >>> float(jax.grad(lambda x: x * stop_gradient(x))(3.0))
        3.0
    """
    return lax.stop_gradient(array_of(variable))


@op
def unstack(x: Tensor, num: int | None = None, axis: int = 0) -> list[Array]:
    """Split x into its slices along an axis.

    Args:
        x: any array.
        num: number of slices, where the size of the axis is unknown.
        axis: the axis to split.

    Example:
        >>> [row.tolist() for row in unstack([[1, 2], [3, 4]])]
        [[1, 2], [3, 4]]
    """
    slices = jnp.moveaxis(array_of(x), axis, 0)
    count = len(slices) if num is None else num
    check_count("unstack", count)
    return [slices[i] for i in range(count)]
