"""Bias kernels for CPUs.

The gradient with respect to the bias sums over all positions, which XLA:CPU does with
scalar instructions. A product with ones does the same with vector instructions.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from lamina.ops.kernels.table import register_kernel

Pair = tuple[jax.Array, jax.Array]

# With fewer positions the sum takes negligible time.
_MIN_POSITIONS = 2**12


def _has_many_positions(x: jax.Array, bias: jax.Array) -> bool:
    return math.prod(x.shape[:-1]) >= _MIN_POSITIONS


def _is_float(x: jax.Array, bias: jax.Array) -> bool:
    return jnp.issubdtype(x.dtype, jnp.floating) and x.dtype == bias.dtype


@register_kernel(
    "add_bias",
    "cpu",
    "XLA is slow at sums over all axes but the last.",
    when=_has_many_positions,
    supports=_is_float,
)
def gradient_by_product(x: jax.Array, bias: jax.Array) -> jax.Array:
    """Add the bias, whose gradient is a product with ones."""
    return _add(x, bias)


@jax.custom_jvp
def _add(x: jax.Array, bias: jax.Array) -> jax.Array:
    return x + bias


@_add.defjvp
def _tangent(primals: Pair, tangents: Pair) -> Pair:
    x, bias = primals
    dx, db = tangents
    # The transpose of a product is a product; that of a broadcast would be a sum.
    broadcast = jnp.ones((math.prod(x.shape[:-1]), 1), db.dtype) @ db[None]
    return x + bias, dx + broadcast.reshape(x.shape)
