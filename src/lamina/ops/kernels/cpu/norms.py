"""Normalization kernels for CPUs."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from lamina.ops.kernels.calls import StandardizeCall
from lamina.ops.kernels.table import register_kernel
from lamina.ops.types import upcast

Axes = tuple[int, ...]
Standardized = tuple[jax.Array, jax.Array, jax.Array]
Factor = jax.Array | None


def _has_shared_scale(call: StandardizeCall) -> bool:
    outer, _ = _split(call.x, call.gamma, call.beta, call.axes)
    return math.prod(call.x.shape[a] for a in outer) > 1


def _is_not_empty(call: StandardizeCall) -> bool:
    return all(call.x.shape[a] > 0 for a in call.axes)


@register_kernel(
    "standardize",
    "cpu",
    "Several positions share a scale, so the backward pass takes two sums.",
    when=_has_shared_scale,
    supports=_is_not_empty,
)
def fused_backward(call: StandardizeCall) -> Standardized:
    """Standardize; the gradient takes two sums over `x`, fewer than JAX's.

    Like every `custom_vjp`, it has no forward-mode derivative.
    """
    x, gamma, beta, epsilon, axes = call
    return _standardize(axes, x, gamma, beta, jnp.asarray(epsilon, upcast(x).dtype))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _standardize(
    axes: Axes, x: jax.Array, gamma: Factor, beta: Factor, epsilon: jax.Array
) -> Standardized:
    return _forward(axes, x, gamma, beta, epsilon)[0]


def _forward(
    axes: Axes, x: jax.Array, gamma: Factor, beta: Factor, epsilon: jax.Array
) -> tuple[Standardized, Any]:
    outer, inner = _split(x, gamma, beta, axes)
    size = math.prod(x.shape[a] for a in axes)
    x32 = upcast(x)
    mean = _sum(x32, outer, inner) / size
    variance = _sum(jnp.square(x32 - mean), outer, inner) / size
    scale = lax.rsqrt(variance + epsilon)
    factor = scale if gamma is None else scale * gamma
    y = (x32 - mean) * factor
    y = (y if beta is None else y + beta).astype(x.dtype)
    return (y, mean, variance), (x, gamma, beta, mean, scale)


def _backward(
    axes: Axes, residuals: tuple[Any, ...], gradients: tuple[jax.Array, ...]
) -> tuple[Any, ...]:
    x, gamma, beta, mean, scale = residuals
    outer, inner = _split(x, gamma, beta, axes)
    size = math.prod(x.shape[a] for a in axes)
    dy, dmean, dvariance = (upcast(g) for g in gradients)
    centered = upcast(x) - mean
    # Sums over the axes that share a scale; all arrays after them are small.
    dbeta = jnp.sum(dy, outer, keepdims=True)
    dgamma = jnp.sum(dy * centered, outer, keepdims=True) * scale
    apply_gamma = (lambda v: v) if gamma is None else (lambda v: v * gamma)
    dshift = jnp.sum(apply_gamma(dbeta), inner, keepdims=True) * scale - dmean
    dscale = jnp.sum(apply_gamma(dgamma), inner, keepdims=True)
    depsilon = -jnp.sum(dscale * jnp.square(scale)) / 2
    dvariance = 2 * dvariance - dscale * jnp.square(scale)
    dx = apply_gamma(scale) * dy + centered * (dvariance / size) - dshift / size
    return dx.astype(x.dtype), _sum_to(dgamma, gamma), _sum_to(dbeta, beta), depsilon


_standardize.defvjp(_forward, _backward)


def _split(x: jax.Array, gamma: Factor, beta: Factor, axes: Axes) -> tuple[Axes, Axes]:
    """Split the axes into those that share a scale and an offset, and the others."""
    given = [v for v in (gamma, beta) if v is not None]
    outer = tuple(a for a in axes if all(v.shape[a] == 1 for v in given))
    return outer, tuple(a for a in axes if a not in outer)


def _sum(x: jax.Array, outer: Axes, inner: Axes) -> jax.Array:
    return jnp.sum(jnp.sum(x, outer, keepdims=True), inner, keepdims=True)


def _sum_to(gradient: jax.Array, value: Factor) -> Factor:
    """Sum a gradient to the shape and type of the value that was broadcast."""
    if value is None:
        return None
    sizes = zip(gradient.shape, value.shape, strict=True)
    axes = tuple(i for i, (n, m) in enumerate(sizes) if m != n)
    return jnp.sum(gradient, axes, keepdims=True).astype(value.dtype)
