"""Array creation, conversion and inspection."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from lamina import config
from lamina.core.dtypes import standardize_dtype
from lamina.core.graph import op
from lamina.errors import ShapeError
from lamina.ops.core import shape
from lamina.ops.families import family, unary
from lamina.ops.types import Shape, Tensor, array_of, operand
from lamina.typing import Array, DTypeLike

__all__ = [
    "arange",
    "array",
    "bartlett",
    "blackman",
    "copy",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "geomspace",
    "hamming",
    "hanning",
    "identity",
    "kaiser",
    "linspace",
    "logspace",
    "meshgrid",
    "ndim",
    "ones",
    "ones_like",
    "size",
    "tri",
    "vander",
    "zeros",
    "zeros_like",
]

copy = unary(jnp.copy, "Copy x.")


@family(static=["x"])
def _window(function: Callable[[int], Array], x: int) -> Array:
    """Return a window of x points, of type `config.floatx()`."""
    return function(int(x)).astype(config.floatx())


bartlett = _window(jnp.bartlett, "Return the Bartlett window of x points, a triangle.")
blackman = _window(jnp.blackman, "Return the Blackman window of x points.")
hamming = _window(jnp.hamming, "Return the Hamming window of x points.")
hanning = _window(jnp.hanning, "Return the Hann window of x points.")


def _dtype_name(dtype: DTypeLike) -> str | None:
    return None if dtype is None else standardize_dtype(dtype)


@op
def arange(
    start: float,
    stop: float | None = None,
    step: float | None = None,
    dtype: DTypeLike = None,
) -> Array:
    """Return start, start + step, ... below `stop`; of one argument, 0, 1, ..."""
    if dtype is None:
        given = [n for n in (start, stop, step) if n is not None]
        dtype = jnp.result_type(*given)
        dtype = config.floatx() if jnp.issubdtype(dtype, jnp.floating) else dtype
    return jnp.arange(start, stop, step, standardize_dtype(dtype))


@op
def array(x: Tensor, dtype: DTypeLike = None) -> Array:
    """Create an array from values."""
    return jnp.array(x, _dtype_name(dtype))


@op(static=["shape"])
def empty(shape: Shape, dtype: DTypeLike = None) -> Array:
    """Create an array of zeros: JAX has no uninitialized arrays."""
    return jnp.zeros(shape, standardize_dtype(dtype))


@op
def empty_like(x: Tensor, dtype: DTypeLike = None) -> Array:
    """Create an array of zeros with the shape and dtype of x."""
    return jnp.zeros_like(array_of(x), _dtype_name(dtype))


@op
def eye(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike = None) -> Array:
    """Create a matrix with ones on a diagonal and zeros elsewhere.

    Args:
        N: number of rows.
        M: number of columns; `None` for N.
        k: index of the diagonal: 0 is the main one, positive ones lie above it.
        dtype: `None` for `config.floatx()`.
    """
    return jnp.eye(N, M, k, standardize_dtype(dtype))


@op(static=["shape"])
def full(shape: Shape, fill_value: Tensor, dtype: DTypeLike = None) -> Array:
    """Create an array filled with `fill_value`."""
    return jnp.full(shape, operand(fill_value), standardize_dtype(dtype))


@op
def full_like(x: Tensor, fill_value: Tensor, dtype: DTypeLike = None) -> Array:
    """Create an array filled with `fill_value`, with the shape and dtype of x."""
    return jnp.full_like(array_of(x), operand(fill_value), _dtype_name(dtype))


@op
def geomspace(
    start: Tensor,
    stop: Tensor,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike = None,
    axis: int = 0,
) -> Array:
    """Return `num` numbers of constant ratio; arguments are as in `linspace`."""
    first, last = operand(start), operand(stop)
    return jnp.geomspace(first, last, num, endpoint, _dtype_name(dtype), axis)


@op
def identity(n: int, dtype: DTypeLike = None) -> Array:
    """Create the identity matrix of size n."""
    return jnp.eye(n, dtype=standardize_dtype(dtype))


@op(static=["x"])
def kaiser(x: int, beta: float) -> Array:
    """Return the Kaiser window of x points.

    Args:
        x: number of points.
        beta: shape: 0 is rectangular, 5 similar to a Hamming window.
    """
    return jnp.kaiser(int(x), operand(beta)).astype(config.floatx())


@op
def linspace(
    start: Tensor,
    stop: Tensor,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike = None,
    axis: int = 0,
) -> Any:
    """Return `num` evenly spaced numbers from `start` to `stop`.

    Args:
        start: the first number.
        stop: the last number.
        num: number of samples.
        endpoint: whether to include `stop`.
        retstep: whether to return the spacing too.
        dtype: dtype of the result.
        axis: axis of the samples, when `start` and `stop` are arrays.
    """
    first, last = operand(start), operand(stop)
    name = _dtype_name(dtype)
    return jnp.linspace(first, last, num, endpoint, retstep, name, axis)


@op
def logspace(
    start: Tensor,
    stop: Tensor,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: DTypeLike = None,
    axis: int = 0,
) -> Array:
    """Compute `base` to the power of each number of `linspace(start, stop)`."""
    first, last = operand(start), operand(stop)
    return jnp.logspace(first, last, num, endpoint, base, _dtype_name(dtype), axis)


@op
def meshgrid(*x: Tensor, indexing: str = "xy") -> list[Array]:
    """Return the coordinates of a grid, one array for each axis.

    Args:
        x: the coordinates along each axis.
        indexing: "ij" for matrix indexing; "xy" for Cartesian indexing, which swaps
            the first two axes of the results.
    """
    return jnp.meshgrid(*[array_of(v) for v in x], indexing=indexing)


def ndim(x: Tensor) -> int:
    """Return the number of dimensions of x."""
    return len(shape(x))


@op(static=["shape"])
def ones(shape: Shape, dtype: DTypeLike = None) -> Array:
    """Create an array of ones."""
    return jnp.ones(shape, standardize_dtype(dtype))


@op
def ones_like(x: Tensor, dtype: DTypeLike = None) -> Array:
    """Create an array of ones with the shape and dtype of x."""
    return jnp.ones_like(array_of(x), _dtype_name(dtype))


@op
def size(x: Tensor) -> int:
    """Return the number of elements of x."""
    return math.prod(shape(x))


@op
def tri(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike = None) -> Array:
    """Create ones on and below a diagonal, zeros above; arguments are as in `eye`."""
    return jnp.tri(N, M, k, standardize_dtype(dtype))


@op
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Array:
    """Return the Vandermonde matrix: powers of x in columns.

    Args:
        x: (n,).
        N: number of columns; `None` for n.
        increasing: whether powers increase from left to right.

    Raises:
        ShapeError: x has another rank.
    """
    x = array_of(x)
    if x.ndim != 1:
        raise ShapeError(f"vander: `x` must have rank 1. Received: shape {x.shape}.")
    return jnp.vander(x, N, increasing)


@op(static=["shape"])
def zeros(shape: Shape, dtype: DTypeLike = None) -> Array:
    """Create an array of zeros."""
    return jnp.zeros(shape, standardize_dtype(dtype))


@op
def zeros_like(x: Tensor, dtype: DTypeLike = None) -> Array:
    """Create an array of zeros with the shape and dtype of x."""
    return jnp.zeros_like(array_of(x), _dtype_name(dtype))
