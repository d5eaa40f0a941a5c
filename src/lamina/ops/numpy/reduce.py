"""Reductions and cumulative operations along axes.

`axis` is an axis, several of them, or `None` for all; with `keepdims`, reduced axes
remain with length 1.
"""

from __future__ import annotations

import jax.numpy as jnp

from lamina.core.graph import op
from lamina.errors import invalid
from lamina.ops.families import (
    cumulative,
    extremum,
    float_reduction,
    index_reduction,
    quantiles,
    reduction,
)
from lamina.ops.types import Axis, Tensor, array_of, axes_of, operand
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
    "trapezoid",
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
nanmean = float_reduction(jnp.nanmean, "Compute the mean, ignoring NaN.")
nanmedian = float_reduction(jnp.nanmedian, "Compute the median, ignoring NaN.")
nanmin = reduction(jnp.nanmin, "Compute the minimum, ignoring NaN.")
nanprod = reduction(jnp.nanprod, "Compute the product, ignoring NaN.")
nanstd = float_reduction(jnp.nanstd, "Compute the standard deviation, ignoring NaN.")
nansum = reduction(jnp.nansum, "Compute the sum, ignoring NaN.")
nanvar = float_reduction(jnp.nanvar, "Compute the variance, ignoring NaN.")


max = extremum(jnp.max, "Compute the maximum, at least `initial`.")
amax = max
min = extremum(jnp.min, "Compute the minimum, at most `initial`.")
amin = min

argmax = index_reduction(
    jnp.argmax, "Return the index of the first maximum; `None` flattens x first."
)
argmin = index_reduction(
    jnp.argmin, "Return the index of the first minimum; `None` flattens x first."
)
nanargmax = index_reduction(
    jnp.nanargmax, "Return the index of the first maximum; -1 where all are NaN."
)
nanargmin = index_reduction(
    jnp.nanargmin, "Return the index of the first minimum; -1 where all are NaN."
)

cumprod = cumulative(jnp.cumprod, "Compute the cumulative product.")
cumsum = cumulative(jnp.cumsum, "Compute the cumulative sum.")
nancumprod = cumulative(
    jnp.nancumprod, "Compute the cumulative product, with NaN as 1."
)
nancumsum = cumulative(jnp.nancumsum, "Compute the cumulative sum, with NaN as 0.")

percentile = quantiles(jnp.percentile, "Compute the q-th percentiles.")
quantile = quantiles(jnp.quantile, "Compute the q-quantiles.")
nanpercentile = quantiles(
    jnp.nanpercentile, "Compute the q-th percentiles, ignoring NaN."
)
nanquantile = quantiles(jnp.nanquantile, "Compute the q-quantiles, ignoring NaN.")


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
def diff(a: Tensor, n: int = 1, axis: int = -1) -> Array:
    """Compute the n-th differences of adjacent elements."""
    if n > _MAX_ORDER:
        raise invalid("diff", "n", n, f"at most {_MAX_ORDER}")
    return jnp.diff(array_of(a), n, axis)


@op(static=["axis"])
def prod(
    x: Tensor, axis: Axis = None, keepdims: bool = False, dtype: str | None = None
) -> Array:
    """Compute the product."""
    return jnp.prod(array_of(x), axes_of(axis), dtype, keepdims=keepdims)


@op
def trapezoid(
    y: Tensor, x: Tensor | None = None, dx: Tensor = 1.0, axis: int = -1
) -> Array:
    """Integrate along an axis by the trapezoidal rule.

    Args:
        y: values of the function.
        x: where they are; `None` for points at a distance of `dx`.
        dx: distance of two points.
        axis: the axis to integrate along.

    Example:
        >>> float(trapezoid([1.0, 2.0, 3.0]))
        4.0
    """
    x = None if x is None else array_of(x)
    return jnp.trapezoid(array_of(y), x, operand(dx), axis)
