"""Standardization by mean and variance; `kernels` may register a faster kernel."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from lamina.ops.kernels import dispatch, register_reference
from lamina.ops.types import upcast
from lamina.typing import Array

Standardized = tuple[Array, Array, Array]
Factor = Array | None


@register_reference("standardize")
def reference_standardize(
    x: Array, gamma: Factor, beta: Factor, epsilon: float | Array, axes: tuple[int, ...]
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
    x: Array, gamma: Factor, beta: Factor, epsilon: float | Array, axes: tuple[int, ...]
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
