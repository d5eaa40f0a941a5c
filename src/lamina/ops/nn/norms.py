"""Centring and scaling by mean and variance; `kernels` may know a faster form."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from lamina.ops.kernels import call, reference
from lamina.ops.types import upcast

__all__ = ["Standardized", "standardize"]

Standardized = tuple[jax.Array, jax.Array, jax.Array]


@reference("standardize")
def reference_standardize(
    x: jax.Array, gamma: Any, beta: Any, epsilon: Any, axes: tuple[int, ...]
) -> Standardized:
    """Mean first, then the squares of what is left: nothing cancels."""
    centred = upcast(x)
    mean = jnp.mean(centred, axes, keepdims=True)
    centred = centred - mean
    variance = jnp.mean(jnp.square(centred), axes, keepdims=True)
    y = centred * lax.rsqrt(variance + epsilon)
    y = y if gamma is None else y * gamma
    y = y if beta is None else y + beta
    return y.astype(x.dtype), mean, variance


def standardize(
    x: jax.Array, gamma: Any, beta: Any, epsilon: Any, axes: tuple[int, ...]
) -> Standardized:
    """`gamma * (x - mean) / sqrt(variance + epsilon) + beta`, mean and variance.

    Args:
        x: any shape.
        gamma: a factor that spreads over x, or none.
        beta: an offset of that shape, or none.
        epsilon: keeps the square root away from zero.
        axes: what mean and variance are taken over, not negative.
    """
    return call("standardize", x, gamma, beta, epsilon, axes)
