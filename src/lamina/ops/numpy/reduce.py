"""Reductions and cumulative operations along axes.

`axis` is an axis, several of them, or `None` for all; with `keepdims`, reduced axes
remain with length 1.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.scipy import special

from lamina.core.graph import op
from lamina.errors import invalid
from lamina.ops.types import Axis, Tensor, array_of, float_array, upcast

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "average",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "diff",
    "logsumexp",
    "max",
    "mean",
    "median",
    "min",
    "moments",
    "percentile",
    "prod",
    "ptp",
    "quantile",
    "std",
    "sum",
    "var",
]

# Each order is traced separately, and rounding errors dominate far lower orders.
_MAX_ORDER = 100


def axes_of(axis: Axis) -> int | tuple[int, ...] | None:
    """Convert an axis, or a sequence of them, to the form that JAX takes."""
    return axis if axis is None or isinstance(axis, int) else tuple(axis)


@op(static=["axis"])
def all(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Return whether all elements are true."""
    return jnp.all(array_of(x), axes_of(axis), keepdims=keepdims)


@op(static=["axis"])
def any(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Return whether any element is true."""
    return jnp.any(array_of(x), axes_of(axis), keepdims=keepdims)


@op
def argmax(x: Tensor, axis: int | None = None, keepdims: bool = False) -> jax.Array:
    """Return the index of the first maximum; `None` flattens x first."""
    return jnp.argmax(array_of(x), axis, keepdims=keepdims)


@op
def argmin(x: Tensor, axis: int | None = None, keepdims: bool = False) -> jax.Array:
    """Return the index of the first minimum; `None` flattens x first."""
    return jnp.argmin(array_of(x), axis, keepdims=keepdims)


@op(static=["axis"])
def average(x: Tensor, axis: Axis = None, weights: Tensor | None = None) -> jax.Array:
    """Compute the weighted mean, sum(x * weights) / sum(weights)."""
    weights = None if weights is None else array_of(weights)
    return jnp.average(array_of(x), axes_of(axis), weights)


@op(static=["axis"])
def count_nonzero(x: Tensor, axis: Axis = None) -> jax.Array:
    """Count the elements that are not 0."""
    return jnp.count_nonzero(array_of(x), axes_of(axis))


@op
def cumprod(x: Tensor, axis: int | None = None, dtype: str | None = None) -> jax.Array:
    """Compute the cumulative product."""
    return jnp.cumprod(array_of(x), axis, dtype)


@op
def cumsum(x: Tensor, axis: int | None = None, dtype: str | None = None) -> jax.Array:
    """Compute the cumulative sum."""
    return jnp.cumsum(array_of(x), axis, dtype)


@op
def diff(a: Tensor, n: int = 1, axis: int = -1) -> jax.Array:
    """Compute the n-th differences of adjacent elements."""
    if n > _MAX_ORDER:
        raise invalid("diff", "n", n, f"at most {_MAX_ORDER}")
    return jnp.diff(array_of(a), n, axis)


@op(static=["axis"])
def logsumexp(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Compute log(sum(exp(x))) without overflow."""
    return special.logsumexp(float_array(x), axes_of(axis), keepdims=keepdims)


@op(static=["axis"])
def max(
    x: Tensor,
    axis: Axis = None,
    keepdims: bool = False,
    initial: float | None = None,
) -> jax.Array:
    """Compute the maximum, at least `initial`."""
    return jnp.max(array_of(x), axes_of(axis), keepdims=keepdims, initial=initial)


amax = max


@op(static=["axis"])
def mean(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Compute the mean; 16-bit floats are computed in float32."""
    return jnp.mean(array_of(x), axes_of(axis), keepdims=keepdims)


@op(static=["axis"])
def median(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Compute the median; the mean of the middle two for an even number."""
    return jnp.median(array_of(x), axes_of(axis), keepdims=keepdims)


@op(static=["axis"])
def min(
    x: Tensor,
    axis: Axis = None,
    keepdims: bool = False,
    initial: float | None = None,
) -> jax.Array:
    """Compute the minimum, at most `initial`."""
    return jnp.min(array_of(x), axes_of(axis), keepdims=keepdims, initial=initial)


amin = min


@op(static=["axes"])
def moments(
    x: Tensor, axes: Axis, keepdims: bool = False
) -> tuple[jax.Array, jax.Array]:
    """Compute the mean and the variance; 16-bit floats are computed in float32.

    Values that overflow a 16-bit type become its largest number.

    Example:
        >>> mean, variance = moments([[1.0, 3.0], [5.0, 5.0]], axes=[1])
        >>> mean.tolist(), variance.tolist()
        ([2.0, 5.0], [1.0, 0.0])
    """
    x = float_array(x)
    x32 = upcast(x)
    axis = axes_of(axes)
    centre = jnp.mean(x32, axis, keepdims=True)
    variance = jnp.mean(jnp.square(x32 - centre), axis, keepdims=keepdims)
    average = centre if keepdims else jnp.squeeze(centre, axis)
    return _cast_clipped(average, x.dtype), _cast_clipped(variance, x.dtype)


def _cast_clipped(x: jax.Array, dtype: jnp.dtype) -> jax.Array:
    if x.dtype == dtype:
        return x
    limits = jnp.finfo(dtype)
    return jnp.clip(x, limits.min, limits.max).astype(dtype)


@op(static=["axis"])
def percentile(
    x: Tensor,
    q: Tensor,
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> jax.Array:
    """Compute the q-th percentiles; `method` is as in `quantile`."""
    x, q = float_array(x), float_array(q)
    return jnp.percentile(x, q, axes_of(axis), method=method, keepdims=keepdims)


@op(static=["axis"])
def prod(
    x: Tensor, axis: Axis = None, keepdims: bool = False, dtype: str | None = None
) -> jax.Array:
    """Compute the product."""
    return jnp.prod(array_of(x), axes_of(axis), dtype, keepdims=keepdims)


@op(static=["axis"])
def ptp(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Compute the range, maximum minus minimum."""
    return jnp.ptp(array_of(x), axes_of(axis), keepdims=keepdims)


@op(static=["axis"])
def quantile(
    x: Tensor,
    q: Tensor,
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> jax.Array:
    """Compute the q-quantiles.

    Args:
        x: any array.
        q: one or more probabilities, in [0, 1].
        axis: an axis or several; `None` for all.
        method: interpolation between two elements: "linear", "lower", "higher",
            "midpoint" or "nearest".
        keepdims: whether reduced axes remain with length 1.
    """
    x, q = float_array(x), float_array(q)
    return jnp.quantile(x, q, axes_of(axis), method=method, keepdims=keepdims)


@op(static=["axis"])
def std(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Compute the standard deviation, sqrt(mean((x - mean(x))**2))."""
    return jnp.std(array_of(x), axes_of(axis), keepdims=keepdims)


@op(static=["axis"])
def sum(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Compute the sum."""
    return jnp.sum(array_of(x), axes_of(axis), keepdims=keepdims)


@op(static=["axis"])
def var(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Compute the variance, mean((x - mean(x))**2)."""
    return jnp.var(array_of(x), axes_of(axis), keepdims=keepdims)
