"""Forms of normalisations for CPUs."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from lamina.ops.kernels.table import kernel
from lamina.ops.types import upcast

__all__ = ["fused_backward"]

Axes = tuple[int, ...]
Standardized = tuple[jax.Array, jax.Array, jax.Array]


def _is_shared(x: Any, gamma: Any, beta: Any, epsilon: Any, axes: Axes) -> bool:
    """rows share their factors: their sums are small"""
    outer, _ = _split(x, gamma, beta, axes)
    return math.prod(x.shape[a] for a in outer) > 1


def _is_some(x: Any, gamma: Any, beta: Any, epsilon: Any, axes: Axes) -> bool:
    return all(x.shape[a] > 0 for a in axes)


@kernel("standardize", "cpu", when=_is_shared, can=_is_some)
def fused_backward(
    x: jax.Array, gamma: Any, beta: Any, epsilon: Any, axes: Axes
) -> Standardized:
    """Gradients from two sums over `x`, which JAX's own takes more of.

    As every `custom_vjp`, it has no forward-mode derivative.
    """
    return _standardize(axes, x, gamma, beta, jnp.asarray(epsilon, upcast(x).dtype))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _standardize(
    axes: Axes, x: jax.Array, gamma: Any, beta: Any, epsilon: jax.Array
) -> Standardized:
    return _forward(axes, x, gamma, beta, epsilon)[0]


def _forward(
    axes: Axes, x: jax.Array, gamma: Any, beta: Any, epsilon: jax.Array
) -> tuple[Standardized, Any]:
    outer, inner = _split(x, gamma, beta, axes)
    size = math.prod(x.shape[a] for a in axes)
    wide = upcast(x)
    mean = _total(wide, outer, inner) / size
    variance = _total(jnp.square(wide - mean), outer, inner) / size
    scale = lax.rsqrt(variance + epsilon)
    factor = scale if gamma is None else scale * gamma
    y = (wide - mean) * factor
    y = (y if beta is None else y + beta).astype(x.dtype)
    return (y, mean, variance), (x, gamma, beta, mean, scale)


def _backward(axes: Axes, residuals: Any, slopes: Any) -> tuple[Any, ...]:
    x, gamma, beta, mean, scale = residuals
    outer, inner = _split(x, gamma, beta, axes)
    size = math.prod(x.shape[a] for a in axes)
    dy, dmean, dvariance = (upcast(s) for s in slopes)
    centred = upcast(x) - mean
    # Of what shares a factor; from here on arrays are small.
    plain = jnp.sum(dy, outer, keepdims=True)
    along = jnp.sum(dy * centred, outer, keepdims=True) * scale
    weigh = (lambda v: v) if gamma is None else (lambda v: v * gamma)
    offset = jnp.sum(weigh(plain), inner, keepdims=True) * scale - dmean
    turn = jnp.sum(weigh(along), inner, keepdims=True)
    depsilon = -jnp.sum(turn * jnp.square(scale)) / 2
    dvariance = 2 * dvariance - turn * jnp.square(scale)
    dx = weigh(scale) * dy + centred * (dvariance / size) - offset / size
    return dx.astype(x.dtype), _like(along, gamma), _like(plain, beta), depsilon


_standardize.defvjp(_forward, _backward)


def _split(x: Any, gamma: Any, beta: Any, axes: Axes) -> tuple[Axes, Axes]:
    """The axes along which factor and offset stay the same, and the others."""
    given = [v for v in (gamma, beta) if v is not None]
    outer = tuple(a for a in axes if all(v.shape[a] == 1 for v in given))
    return outer, tuple(a for a in axes if a not in outer)


def _total(x: jax.Array, outer: Axes, inner: Axes) -> jax.Array:
    return jnp.sum(jnp.sum(x, outer, keepdims=True), inner, keepdims=True)


def _like(slope: jax.Array, value: Any) -> Any:
    """A slope summed to the shape and type of what was spread."""
    if value is None:
        return None
    sizes = zip(slope.shape, value.shape, strict=True)
    axes = tuple(i for i, (n, m) in enumerate(sizes) if m != n)
    return jnp.sum(slope, axes, keepdims=True).astype(value.dtype)
