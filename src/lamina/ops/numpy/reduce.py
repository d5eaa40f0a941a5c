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
from lamina.ops.kernels.calls import ArgmaxCall
from lamina.ops.kernels.table import dispatch, register_reference
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

all = reduction(
    jnp.all,
    "Return whether all elements are true.",
    "[[True, False], [True, True]], axis=1 -> [False, True]",
)
any = reduction(
    jnp.any,
    "Return whether any element is true.",
    "[[True, False], [False, False]], axis=1 -> [True, False]",
)
mean = reduction(
    jnp.mean,
    "Compute the mean; 16-bit floats are computed in float32.",
    "[[1.0, 2.0], [3.0, 6.0]], axis=0 -> [2.0, 4.0]",
)
median = reduction(
    jnp.median,
    "Compute the median; the mean of the middle two for an even number.",
    "[3.0, 1.0, 10.0, 2.0] -> 2.5",
)
ptp = reduction(jnp.ptp, "Compute the range, maximum minus minimum.", "[3, 9, 4] -> 6")
std = reduction(
    jnp.std,
    "Compute the standard deviation, sqrt(mean((x - mean(x))**2)).",
    "[1.0, 3.0] -> 1.0",
)
sum = reduction(jnp.sum, "Compute the sum.", "[[1, 2], [3, 4]], axis=0 -> [4, 6]")
var = reduction(
    jnp.var, "Compute the variance, mean((x - mean(x))**2).", "[1.0, 5.0] -> 4.0"
)

nanmax = reduction(
    jnp.nanmax, "Compute the maximum, ignoring NaN.", "[1.0, jnp.nan, 3.0] -> 3.0"
)
nanmean = float_reduction(
    jnp.nanmean, "Compute the mean, ignoring NaN.", "[1.0, jnp.nan, 3.0] -> 2.0"
)
nanmedian = float_reduction(
    jnp.nanmedian,
    "Compute the median, ignoring NaN.",
    "[1.0, jnp.nan, 3.0, 9.0] -> 3.0",
)
nanmin = reduction(
    jnp.nanmin, "Compute the minimum, ignoring NaN.", "[1.0, jnp.nan, 3.0] -> 1.0"
)
nanprod = reduction(
    jnp.nanprod, "Compute the product, ignoring NaN.", "[2.0, jnp.nan, 3.0] -> 6.0"
)
nanstd = float_reduction(
    jnp.nanstd,
    "Compute the standard deviation, ignoring NaN.",
    "[1.0, jnp.nan, 3.0] -> 1.0",
)
nansum = reduction(
    jnp.nansum, "Compute the sum, ignoring NaN.", "[1.0, jnp.nan, 3.0] -> 4.0"
)
nanvar = float_reduction(
    jnp.nanvar, "Compute the variance, ignoring NaN.", "[1.0, jnp.nan, 5.0] -> 4.0"
)


max = extremum(
    jnp.max,
    "Compute the maximum, at least `initial`.",
    "[[1, 5], [3, 2]], axis=1 -> [5, 3]",
)
amax = max
min = extremum(
    jnp.min,
    "Compute the minimum, at most `initial`.",
    "[[1, 5], [3, 2]], axis=1 -> [1, 2]",
)
amin = min


def _argmax(x: Array, axis: int | None, keepdims: bool) -> Array:
    if axis is None or x.ndim == 0 or axis not in (-1, x.ndim - 1):
        return jnp.argmax(x, axis, keepdims=keepdims)
    indices: Array = dispatch("argmax", ArgmaxCall(x))
    return indices[..., None] if keepdims else indices


@register_reference("argmax")
def reference_argmax(call: ArgmaxCall) -> Array:
    """Reduce by `jnp.argmax`."""
    return jnp.argmax(call.x, -1)


argmax = index_reduction(
    _argmax,
    "Return the index of the first maximum; `None` flattens x first.",
    "[[1, 5], [3, 2]], axis=1 -> [1, 0]",
)
argmin = index_reduction(
    jnp.argmin,
    "Return the index of the first minimum; `None` flattens x first.",
    "[[1, 5], [3, 2]], axis=1 -> [0, 1]",
)
nanargmax = index_reduction(
    jnp.nanargmax,
    "Return the index of the first maximum; -1 where all are NaN.",
    "[1.0, jnp.nan, 3.0] -> 2",
)
nanargmin = index_reduction(
    jnp.nanargmin,
    "Return the index of the first minimum; -1 where all are NaN.",
    "[jnp.nan, 3.0, 1.0] -> 2",
)

cumprod = cumulative(
    jnp.cumprod, "Compute the cumulative product.", "[1, 2, 3, 4] -> [1, 2, 6, 24]"
)
cumsum = cumulative(
    jnp.cumsum, "Compute the cumulative sum.", "[1, 2, 3, 4] -> [1, 3, 6, 10]"
)
nancumprod = cumulative(
    jnp.nancumprod,
    "Compute the cumulative product, with NaN as 1.",
    "[2.0, jnp.nan, 3.0] -> [2.0, 2.0, 6.0]",
)
nancumsum = cumulative(
    jnp.nancumsum,
    "Compute the cumulative sum, with NaN as 0.",
    "[1.0, jnp.nan, 3.0] -> [1.0, 1.0, 4.0]",
)

percentile = quantiles(
    jnp.percentile,
    "Compute the q-th percentiles.",
    "[0.0, 10.0, 20.0], [50, 75] -> [10.0, 15.0]",
)
quantile = quantiles(
    jnp.quantile,
    "Compute the q-quantiles.",
    "[0.0, 10.0, 20.0], [0.5, 0.75] -> [10.0, 15.0]",
)
nanpercentile = quantiles(
    jnp.nanpercentile,
    "Compute the q-th percentiles, ignoring NaN.",
    "[0.0, jnp.nan, 20.0], 50 -> 10.0",
)
nanquantile = quantiles(
    jnp.nanquantile,
    "Compute the q-quantiles, ignoring NaN.",
    "[0.0, jnp.nan, 20.0], 0.5 -> 10.0",
)


@op(static=["axis"])
def average(x: Tensor, axis: Axis = None, weights: Tensor | None = None) -> Array:
    """Compute the weighted mean, sum(x * weights) / sum(weights).

    Example:
        >>> average([1.0, 4.0], weights=[2.0, 1.0]).tolist()
        2.0
    """
    weights = None if weights is None else array_of(weights)
    return jnp.average(array_of(x), axes_of(axis), weights)


@op(static=["axis"])
def count_nonzero(x: Tensor, axis: Axis = None) -> Array:
    """Count the elements that are not 0.

    Example:
        >>> count_nonzero([[1, 0], [2, 3]], axis=1).tolist()
        [1, 2]
    """
    return jnp.count_nonzero(array_of(x), axes_of(axis))


@op
def diff(a: Tensor, n: int = 1, axis: int = -1) -> Array:
    """Compute the n-th differences of adjacent elements.

    Example:
        >>> diff([1, 4, 9, 16]).tolist()
        [3, 5, 7]
        >>> diff([1, 4, 9, 16], n=2).tolist()
        [2, 2]
    """
    if n > _MAX_ORDER:
        raise invalid("diff", "n", n, f"at most {_MAX_ORDER}")
    return jnp.diff(array_of(a), n, axis)


@op(static=["axis"])
def prod(
    x: Tensor, axis: Axis = None, keepdims: bool = False, dtype: str | None = None
) -> Array:
    """Compute the product.

    Example:
        >>> prod([[1, 2], [3, 4]], axis=1).tolist()
        [2, 12]
    """
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
