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

copy = unary(jnp.copy, "Copy x.", "[1, 2] -> [1, 2]")


@family(static=["x"])
def _window(function: Callable[[int], Array], x: int) -> Array:
    """Return a window of x points, of type `config.floatx()`."""
    return function(int(x)).astype(config.floatx())


bartlett = _window(
    jnp.bartlett,
    "Return the Bartlett window of x points, a triangle.",
    "5 -> [0.0, 0.5, 1.0, 0.5, 0.0]",
)
blackman = _window(
    jnp.blackman,
    "Return the Blackman window of x points.",
    "4 -> [..., 0.62999..., 0.62999..., ...]",
)
hamming = _window(
    jnp.hamming,
    "Return the Hamming window of x points.",
    "3 -> [0.08000..., 1.0, 0.08000...]",
)
hanning = _window(
    jnp.hanning, "Return the Hann window of x points.", "5 -> [0.0, 0.5, 1.0, 0.5, 0.0]"
)


def _dtype_name(dtype: DTypeLike) -> str | None:
    return None if dtype is None else standardize_dtype(dtype)


@op
def arange(
    start: float,
    stop: float | None = None,
    step: float | None = None,
    dtype: DTypeLike = None,
) -> Array:
    """Return start, start + step, ... below `stop`; of one argument, 0, 1, ...

    Example:
        >>> arange(3).tolist()
        [0, 1, 2]
        >>> arange(1, 7, 2).tolist()
        [1, 3, 5]
    """
    if dtype is None:
        given = [n for n in (start, stop, step) if n is not None]
        dtype = jnp.result_type(*given)
        dtype = config.floatx() if jnp.issubdtype(dtype, jnp.floating) else dtype
    return jnp.arange(start, stop, step, standardize_dtype(dtype))


@op
def array(x: Tensor, dtype: DTypeLike = None) -> Array:
    """Create an array from values.

    Example:
        >>> array([[1, 2], [3, 4]], dtype="float32").tolist()
        [[1.0, 2.0], [3.0, 4.0]]
    """
    return jnp.array(x, _dtype_name(dtype))


@op(static=["shape"])
def empty(shape: Shape, dtype: DTypeLike = None) -> Array:
    """Create an array of zeros: JAX has no uninitialized arrays.

    Example:
        >>> empty((2, 3)).shape
        (2, 3)
    """
    return jnp.zeros(shape, standardize_dtype(dtype))


@op
def empty_like(x: Tensor, dtype: DTypeLike = None) -> Array:
    """Create an array of zeros with the shape and dtype of x.

    Example:
        >>> empty_like([[1, 2, 3]]).shape
        (1, 3)
    """
    return jnp.zeros_like(array_of(x), _dtype_name(dtype))


@op
def eye(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike = None) -> Array:
    """Create a matrix with ones on a diagonal and zeros elsewhere.

    Args:
        N: number of rows.
        M: number of columns; `None` for N.
        k: index of the diagonal: 0 is the main one, positive ones lie above it.
        dtype: `None` for `config.floatx()`.

    Example:
        >>> eye(2, 3, k=1).tolist()
        [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    return jnp.eye(N, M, k, standardize_dtype(dtype))


@op(static=["shape"])
def full(shape: Shape, fill_value: Tensor, dtype: DTypeLike = None) -> Array:
    """Create an array filled with `fill_value`.

    Example:
        >>> full((2, 2), 7).tolist()
        [[7.0, 7.0], [7.0, 7.0]]
    """
    return jnp.full(shape, operand(fill_value), standardize_dtype(dtype))


@op
def full_like(x: Tensor, fill_value: Tensor, dtype: DTypeLike = None) -> Array:
    """Create an array filled with `fill_value`, with the shape and dtype of x.

    Example:
        >>> full_like([1, 2, 3], 7).tolist()
        [7, 7, 7]
    """
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
    """Return `num` numbers of constant ratio; arguments are as in `linspace`.

    Example:
        >>> print(geomspace(1.0, 1000.0, 4).round(2))
        [   1.   10.  100. 1000.]
    """
    first, last = operand(start), operand(stop)
    return jnp.geomspace(first, last, num, endpoint, _dtype_name(dtype), axis)


@op
def identity(n: int, dtype: DTypeLike = None) -> Array:
    """Create the identity matrix of size n.

    Example:
        >>> identity(2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    return jnp.eye(n, dtype=standardize_dtype(dtype))


@op(static=["x"])
def kaiser(x: int, beta: float) -> Array:
    """Return the Kaiser window of x points.

    Args:
        x: number of points.
        beta: shape: 0 is rectangular, 5 similar to a Hamming window.

    Example:
        >>> print(kaiser(3, beta=5.0).round(2))
        [0.04 1.   0.04]
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

    Example:
        >>> linspace(0, 1, 5).tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0]
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
    """Compute `base` to the power of each number of `linspace(start, stop)`.

    Example:
        >>> logspace(0, 3, 4, base=2).tolist()
        [1.0, 2.0, 4.0, 8.0]
    """
    first, last = operand(start), operand(stop)
    return jnp.logspace(first, last, num, endpoint, base, _dtype_name(dtype), axis)


@op
def meshgrid(*x: Tensor, indexing: str = "xy") -> list[Array]:
    """Return the coordinates of a grid, one array for each axis.

    Args:
        x: the coordinates along each axis.
        indexing: "ij" for matrix indexing; "xy" for Cartesian indexing, which swaps
            the first two axes of the results.

    Example:
        >>> columns, rows = meshgrid([1, 2, 3], [10, 20])
        >>> columns.tolist(), rows.tolist()
        ([[1, 2, 3], [1, 2, 3]], [[10, 10, 10], [20, 20, 20]])
    """
    return jnp.meshgrid(*[array_of(v) for v in x], indexing=indexing)


def ndim(x: Tensor) -> int:
    """Return the number of dimensions of x.

    Example:
        >>> ndim([[1, 2], [3, 4]])
        2
    """
    return len(shape(x))


@op(static=["shape"])
def ones(shape: Shape, dtype: DTypeLike = None) -> Array:
    """Create an array of ones.

    Example:
        >>> ones((2, 3)).tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    return jnp.ones(shape, standardize_dtype(dtype))


@op
def ones_like(x: Tensor, dtype: DTypeLike = None) -> Array:
    """Create an array of ones with the shape and dtype of x.

    Example:
        >>> ones_like([5, 6]).tolist()
        [1, 1]
    """
    return jnp.ones_like(array_of(x), _dtype_name(dtype))


@op
def size(x: Tensor) -> int:
    """Return the number of elements of x.

    Example:
        >>> size([[1, 2], [3, 4]])
        4
    """
    return math.prod(shape(x))


@op
def tri(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike = None) -> Array:
    """Create ones on and below a diagonal, zeros above; arguments are as in `eye`.

    Example:
        >>> tri(3).tolist()
        [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]
    """
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

    Example:
        >>> vander([1, 2, 3]).tolist()
        [[1, 1, 1], [4, 2, 1], [9, 3, 1]]
    """
    x = array_of(x)
    if x.ndim != 1:
        raise ShapeError(f"vander: `x` must have rank 1. Received: shape {x.shape}.")
    return jnp.vander(x, N, increasing)


@op(static=["shape"])
def zeros(shape: Shape, dtype: DTypeLike = None) -> Array:
    """Create an array of zeros.

    Example:
        >>> zeros((2, 3), dtype="int32").tolist()
        [[0, 0, 0], [0, 0, 0]]
    """
    return jnp.zeros(shape, standardize_dtype(dtype))


@op
def zeros_like(x: Tensor, dtype: DTypeLike = None) -> Array:
    """Create an array of zeros with the shape and dtype of x.

    Example:
        >>> zeros_like([5, 6]).tolist()
        [0, 0]
    """
    return jnp.zeros_like(array_of(x), _dtype_name(dtype))
