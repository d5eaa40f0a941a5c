"""Reductions and cumulative operations along axes.

`axis` is an axis, several of them, or `None` for all; with `keepdims`, reduced axes
remain with length 1.
"""

from __future__ import annotations

import jax.numpy as jnp

from lamina.core.graph import op
from lamina.errors import invalid
from lamina.ops.families import reduction
from lamina.ops.types import Axis, Tensor, array_of, axes_of, float_array
from lamina.typing import Array

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
    "max",
    "mean",
    "median",
    "min",
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmedian",
    "nanmin",
    "nanpercentile",
    "nanprod",
    "nanquantile",
    "nanstd",
    "nansum",
    "nanvar",
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

all = reduction(jnp.all, "Return whether all elements are true.")
any = reduction(jnp.any, "Return whether any element is true.")
mean = reduction(jnp.mean, "Compute the mean; 16-bit floats are computed in float32.")
median = reduction(
    jnp.median, "Compute the median; the mean of the middle two for an even number."
)
ptp = reduction(jnp.ptp, "Compute the range, maximum minus minimum.")
std = reduction(
    jnp.std, "Compute the standard deviation, sqrt(mean((x - mean(x))**2))."
)
sum = reduction(jnp.sum, "Compute the sum.")
var = reduction(jnp.var, "Compute the variance, mean((x - mean(x))**2).")

nanmax = reduction(jnp.nanmax, "Compute the maximum, ignoring NaN.")
nanmean = reduction(jnp.nanmean, "Compute the mean, ignoring NaN.", float_array)
nanmedian = reduction(jnp.nanmedian, "Compute the median, ignoring NaN.", float_array)
nanmin = reduction(jnp.nanmin, "Compute the minimum, ignoring NaN.")
nanprod = reduction(jnp.nanprod, "Compute the product, ignoring NaN.")
nanstd = reduction(
    jnp.nanstd, "Compute the standard deviation, ignoring NaN.", float_array
)
nansum = reduction(jnp.nansum, "Compute the sum, ignoring NaN.")
nanvar = reduction(jnp.nanvar, "Compute the variance, ignoring NaN.", float_array)


@op
def argmax(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Array:
    """Return the index of the first maximum; `None` flattens x first."""
    return jnp.argmax(array_of(x), axis, keepdims=keepdims)


@op
def argmin(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Array:
    """Return the index of the first minimum; `None` flattens x first."""
    return jnp.argmin(array_of(x), axis, keepdims=keepdims)


@op(static=["axis"])
def average(x: Tensor, axis: Axis = None, weights: Tensor | None = None) -> Array:
    """Compute the weighted mean, sum(x * weights) / sum(weights)."""
    weights = None if weights is None else array_of(weights)
    return jnp.average(array_of(x), axes_of(axis), weights)


@op(static=["axis"])
def count_nonzero(x: Tensor, axis: Axis = None) -> Array:
    """Count the elements that are not 0."""
    return jnp.count_nonzero(array_of(x), axes_of(axis))


@op
def cumprod(x: Tensor, axis: int | None = None, dtype: str | None = None) -> Array:
    """Compute the cumulative product."""
    return jnp.cumprod(array_of(x), axis, dtype)


@op
def cumsum(x: Tensor, axis: int | None = None, dtype: str | None = None) -> Array:
    """Compute the cumulative sum."""
    return jnp.cumsum(array_of(x), axis, dtype)


@op
def diff(a: Tensor, n: int = 1, axis: int = -1) -> Array:
    """Compute the n-th differences of adjacent elements."""
    if n > _MAX_ORDER:
        raise invalid("diff", "n", n, f"at most {_MAX_ORDER}")
    return jnp.diff(array_of(a), n, axis)


@op(static=["axis"])
def max(
    x: Tensor, axis: Axis = None, keepdims: bool = False, initial: float | None = None
) -> Array:
    """Compute the maximum, at least `initial`."""
    return jnp.max(array_of(x), axes_of(axis), keepdims=keepdims, initial=initial)


amax = max


@op(static=["axis"])
def min(
    x: Tensor, axis: Axis = None, keepdims: bool = False, initial: float | None = None
) -> Array:
    """Compute the minimum, at most `initial`."""
    return jnp.min(array_of(x), axes_of(axis), keepdims=keepdims, initial=initial)


amin = min


@op(static=["axis"])
def percentile(
    x: Tensor,
    q: Tensor,
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Array:
    """Compute the q-th percentiles; `method` is as in `quantile`."""
    x, q = float_array(x), float_array(q)
    return jnp.percentile(x, q, axes_of(axis), method=method, keepdims=keepdims)


@op(static=["axis"])
def prod(
    x: Tensor, axis: Axis = None, keepdims: bool = False, dtype: str | None = None
) -> Array:
    """Compute the product."""
    return jnp.prod(array_of(x), axes_of(axis), dtype, keepdims=keepdims)


@op(static=["axis"])
def quantile(
    x: Tensor,
    q: Tensor,
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Array:
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


@op
def nanargmax(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Array:
    """Return the index of the first maximum; -1 where all are NaN."""
    return jnp.nanargmax(array_of(x), axis, keepdims=keepdims)


@op
def nanargmin(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Array:
    """Return the index of the first minimum; -1 where all are NaN."""
    return jnp.nanargmin(array_of(x), axis, keepdims=keepdims)


@op
def nancumprod(x: Tensor, axis: int | None = None, dtype: str | None = None) -> Array:
    """Compute the cumulative product, with NaN as 1."""
    return jnp.nancumprod(array_of(x), axis, dtype)


@op
def nancumsum(x: Tensor, axis: int | None = None, dtype: str | None = None) -> Array:
    """Compute the cumulative sum, with NaN as 0."""
    return jnp.nancumsum(array_of(x), axis, dtype)


@op(static=["axis"])
def nanpercentile(
    x: Tensor,
    q: Tensor,
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Array:
    """Compute the q-th percentiles, ignoring NaN; `method` is as in `quantile`."""
    x, q = float_array(x), float_array(q)
    return jnp.nanpercentile(x, q, axes_of(axis), method=method, keepdims=keepdims)


@op(static=["axis"])
def nanquantile(
    x: Tensor,
    q: Tensor,
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Array:
    """Compute the q-quantiles, ignoring NaN; `method` is as in `quantile`."""
    x, q = float_array(x), float_array(q)
    return jnp.nanquantile(x, q, axes_of(axis), method=method, keepdims=keepdims)
