"""Reductions that ignore NaN.

`axis` is an axis, several of them, or `None` for all; with `keepdims`, reduced axes
remain with length 1.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lamina.core.graph import op
from lamina.ops.numpy.reduce import axes_of
from lamina.ops.types import Axis, Tensor, array_of, float_array

__all__ = [
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
]


@op
def nanargmax(x: Tensor, axis: int | None = None, keepdims: bool = False) -> jax.Array:
    """Return the index of the first maximum; -1 where all are NaN."""
    return jnp.nanargmax(array_of(x), axis, keepdims=keepdims)


@op
def nanargmin(x: Tensor, axis: int | None = None, keepdims: bool = False) -> jax.Array:
    """Return the index of the first minimum; -1 where all are NaN."""
    return jnp.nanargmin(array_of(x), axis, keepdims=keepdims)


@op
def nancumprod(
    x: Tensor, axis: int | None = None, dtype: str | None = None
) -> jax.Array:
    """Compute the cumulative product, with NaN as 1."""
    return jnp.nancumprod(array_of(x), axis, dtype)


@op
def nancumsum(
    x: Tensor, axis: int | None = None, dtype: str | None = None
) -> jax.Array:
    """Compute the cumulative sum, with NaN as 0."""
    return jnp.nancumsum(array_of(x), axis, dtype)


@op(static=["axis"])
def nanmax(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Compute the maximum, ignoring NaN."""
    return jnp.nanmax(array_of(x), axes_of(axis), keepdims=keepdims)


@op(static=["axis"])
def nanmean(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Compute the mean, ignoring NaN."""
    return jnp.nanmean(float_array(x), axes_of(axis), keepdims=keepdims)


@op(static=["axis"])
def nanmedian(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Compute the median, ignoring NaN."""
    return jnp.nanmedian(float_array(x), axes_of(axis), keepdims=keepdims)


@op(static=["axis"])
def nanmin(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Compute the minimum, ignoring NaN."""
    return jnp.nanmin(array_of(x), axes_of(axis), keepdims=keepdims)


@op(static=["axis"])
def nanpercentile(
    x: Tensor,
    q: Tensor,
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> jax.Array:
    """Compute the q-th percentiles, ignoring NaN; `method` is as in `quantile`."""
    x, q = float_array(x), float_array(q)
    return jnp.nanpercentile(x, q, axes_of(axis), method=method, keepdims=keepdims)


@op(static=["axis"])
def nanprod(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Compute the product, ignoring NaN."""
    return jnp.nanprod(array_of(x), axes_of(axis), keepdims=keepdims)


@op(static=["axis"])
def nanquantile(
    x: Tensor,
    q: Tensor,
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> jax.Array:
    """Compute the q-quantiles, ignoring NaN; `method` is as in `quantile`."""
    x, q = float_array(x), float_array(q)
    return jnp.nanquantile(x, q, axes_of(axis), method=method, keepdims=keepdims)


@op(static=["axis"])
def nanstd(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Compute the standard deviation, ignoring NaN."""
    return jnp.nanstd(float_array(x), axes_of(axis), keepdims=keepdims)


@op(static=["axis"])
def nansum(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Compute the sum, ignoring NaN."""
    return jnp.nansum(array_of(x), axes_of(axis), keepdims=keepdims)


@op(static=["axis"])
def nanvar(x: Tensor, axis: Axis = None, keepdims: bool = False) -> jax.Array:
    """Compute the variance, ignoring NaN."""
    return jnp.nanvar(float_array(x), axes_of(axis), keepdims=keepdims)
