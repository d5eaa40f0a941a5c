"""Sums, means, extremes and running totals along axes.

`axis` is an axis, several of them, or `None` for all; with `keepdims`, reduced axes
stay with length 1.
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

# Each is traced by itself, and of far fewer only noise is left.
_MOST_DIFFERENCES = 100


def axes_of(axis: Axis) -> int | tuple[int, ...] | None:
    """An axis, or several as a tuple, as functions of JAX take them."""
    return axis if axis is None or isinstance(axis, int) else tuple(axis)


@op
def all(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Whether all are true."""
    return jnp.all(array_of(x), axes_of(axis), keepdims=keepdims)


@op
def any(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Whether any is true."""
    return jnp.any(array_of(x), axes_of(axis), keepdims=keepdims)


@op
def argmax(x: Tensor, axis: int | None = None, keepdims: bool = False) -> jax.Array:
    """The index of the first maximum; along no axis, of the flat array."""
    return jnp.argmax(array_of(x), axis, keepdims=keepdims)


@op
def argmin(x: Tensor, axis: int | None = None, keepdims: bool = False) -> jax.Array:
    """The index of the first minimum; along no axis, of the flat array."""
    return jnp.argmin(array_of(x), axis, keepdims=keepdims)


@op
def average(x: Tensor, axis: Axis = None, weights: Tensor | None = None) -> jax.Array:
    """The weighted mean, sum(x * weights) / sum(weights)."""
    weights = None if weights is None else array_of(weights)
    return jnp.average(array_of(x), axes_of(axis), weights)


@op
def count_nonzero(x: Tensor, axis: Axis = None) -> jax.Array:
    """How many are not 0."""
    return jnp.count_nonzero(array_of(x), axes_of(axis))


@op
def cumprod(x: Tensor, axis: int | None = None, dtype: str | None = None) -> jax.Array:
    """The product of each element and all before it."""
    return jnp.cumprod(array_of(x), axis, dtype)


@op
def cumsum(x: Tensor, axis: int | None = None, dtype: str | None = None) -> jax.Array:
    """The sum of each element and all before it."""
    return jnp.cumsum(array_of(x), axis, dtype)


@op
def diff(a: Tensor, n: int = 1, axis: int = -1) -> jax.Array:
    """The difference of each element and the one before it, `n` times over."""
    if n > _MOST_DIFFERENCES:
        raise invalid("diff", "n", n, f"at most {_MOST_DIFFERENCES}")
    return jnp.diff(array_of(a), n, axis)


@op
def logsumexp(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """log(sum(exp(x))), without overflow."""
    return special.logsumexp(float_array(x), axes_of(axis), keepdims=keepdims)


@op
def max(
    x: Tensor,
    axis: Axis = None,
    keepdims: bool = False,
    initial: float | None = None,
) -> jax.Array:
    """The maximum, not below `initial`."""
    return jnp.max(array_of(x), axes_of(axis), keepdims=keepdims, initial=initial)


amax = max


@op
def mean(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """The mean; of 16-bit numbers, computed in 32 bits."""
    return jnp.mean(array_of(x), axes_of(axis), keepdims=keepdims)


@op
def median(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """The median; of an even number of elements, the mean of the middle two."""
    return jnp.median(array_of(x), axes_of(axis), keepdims=keepdims)


@op
def min(
    x: Tensor,
    axis: Axis = None,
    keepdims: bool = False,
    initial: float | None = None,
) -> jax.Array:
    """The minimum, not above `initial`."""
    return jnp.min(array_of(x), axes_of(axis), keepdims=keepdims, initial=initial)


amin = min


@op
def moments(
    x: Tensor, axes: Axis, keepdims: bool = False
) -> tuple[jax.Array, jax.Array]:
    """The mean and the variance; of 16-bit numbers, computed in 32 bits.

    What a 16-bit type cannot hold becomes its largest number.

    Example:
        >>> mean, variance = moments([[1.0, 3.0], [5.0, 5.0]], axes=[1])
        >>> mean.tolist(), variance.tolist()
        ([2.0, 5.0], [1.0, 0.0])
    """
    x = float_array(x)
    wide = upcast(x)
    axis = axes_of(axes)
    centre = jnp.mean(wide, axis, keepdims=True)
    variance = jnp.mean(jnp.square(wide - centre), axis, keepdims=keepdims)
    average = centre if keepdims else jnp.squeeze(centre, axis)
    return _narrowed(average, x.dtype), _narrowed(variance, x.dtype)


def _narrowed(x: jax.Array, dtype: jnp.dtype) -> jax.Array:
    if x.dtype == dtype:
        return x
    limits = jnp.finfo(dtype)
    return jnp.clip(x, limits.min, limits.max).astype(dtype)


@op
def percentile(
    x: Tensor,
    q: Tensor,
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> jax.Array:
    """The values below which q per cent lie; `method` as in `quantile`."""
    x, q = float_array(x), float_array(q)
    return jnp.percentile(x, q, axes_of(axis), method=method, keepdims=keepdims)


@op
def prod(
    x: Tensor, axis: Axis = None, keepdims: bool = False, dtype: str | None = None
) -> jax.Array:
    """The product."""
    return jnp.prod(array_of(x), axes_of(axis), dtype, keepdims=keepdims)


@op
def ptp(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """The maximum less the minimum."""
    return jnp.ptp(array_of(x), axes_of(axis), keepdims=keepdims)


@op
def quantile(
    x: Tensor,
    q: Tensor,
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> jax.Array:
    """The values below which shares `q` of the elements lie.

    Args:
        x: any array.
        q: one or more shares, in [0, 1].
        axis: one axis or several; `None` for all.
        method: between two elements: "linear", "lower", "higher", "midpoint" or
            "nearest".
        keepdims: whether reduced axes stay with length 1.
    """
    x, q = float_array(x), float_array(q)
    return jnp.quantile(x, q, axes_of(axis), method=method, keepdims=keepdims)


@op
def std(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """The standard deviation, sqrt(mean((x - mean(x))**2))."""
    return jnp.std(array_of(x), axes_of(axis), keepdims=keepdims)


@op
def sum(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """The sum."""
    return jnp.sum(array_of(x), axes_of(axis), keepdims=keepdims)


@op
def var(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """The variance, mean((x - mean(x))**2)."""
    return jnp.var(array_of(x), axes_of(axis), keepdims=keepdims)
