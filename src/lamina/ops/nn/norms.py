"""Standardization by mean and variance; `kernels` may register a faster kernel."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from lamina.ops.kernels import dispatch, register_reference
from lamina.ops.types import upcast

Standardized = tuple[jax.Array, jax.Array, jax.Array]
Factor = jax.Array | None


@register_reference("standardize")
def reference_standardize(
    x: jax.Array, gamma: Factor, beta: Factor, epsilon: Any, axes: tuple[int, ...]
) -> Standardized:
    """Compute the variance from centred values, which avoids cancellation."""
    centred = upcast(x)
    mean = jnp.mean(centred, axes, keepdims=True)
    centred = centred - mean
    variance = jnp.mean(jnp.square(centred), axes, keepdims=True)
    y = centred * lax.rsqrt(variance + epsilon)
    y = y if gamma is None else y * gamma
    y = y if beta is None else y + beta
    return y.astype(x.dtype), mean, variance


def standardize(
    x: jax.Array, gamma: Factor, beta: Factor, epsilon: Any, axes: tuple[int, ...]
) -> Standardized:
    """Return `gamma * (x - mean) / sqrt(variance + epsilon) + beta`, mean and variance.

    Args:
        x: any shape.
        gamma: scale that broadcasts to x, or `None`.
        beta: offset of the same shape, or `None`.
        epsilon: added to the variance for numerical stability.
        axes: non-negative axes to reduce.
    """
    return dispatch("standardize", x, gamma, beta, epsilon, axes)
