"""Reduction kernels for CPUs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from lamina.ops.kernels.calls import ArgmaxCall
from lamina.ops.kernels.table import register_kernel

# For a short axis one reduction is faster than two (10 values: a quarter of the time).
_MIN_LENGTH = 64
# Indices below it are exact in float32.
_MAX_LENGTH = 2**24


def _is_long(call: ArgmaxCall) -> bool:
    return call.x.shape[-1] >= _MIN_LENGTH


def _is_float(call: ArgmaxCall) -> bool:
    is_float = jnp.issubdtype(call.x.dtype, jnp.floating)
    return is_float and 0 < call.x.shape[-1] <= _MAX_LENGTH


@register_kernel(
    "argmax",
    "cpu",
    "XLA reduces pairs of a value and an index without vector instructions.",
    when=_is_long,
    supports=_is_float,
)
def index_of_maximum(call: ArgmaxCall) -> jax.Array:
    """Compute the maxima, then the smallest index of each.

    Both reductions are vectorized, with indices as floats.
    """
    x = call.x
    maxima = lax.optimization_barrier(jnp.max(x, -1, keepdims=True))
    # Where there is a NaN, the maximum is NaN, which equals nothing.
    is_maximum = (x == maxima) | jnp.isnan(x)
    indices = lax.broadcasted_iota(jnp.float32, x.shape, x.ndim - 1)
    first = jnp.min(jnp.where(is_maximum, indices, x.shape[-1]), -1)
    return first.astype(int)
