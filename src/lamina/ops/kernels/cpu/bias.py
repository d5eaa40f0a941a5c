"""Bias kernels for CPUs.

The gradient with respect to the bias sums over all positions, which XLA:CPU does with
scalar instructions. A product with ones does the same with vector instructions.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from lamina.ops.kernels.calls import BiasCall
from lamina.ops.kernels.table import register_kernel

Pair = tuple[jax.Array, jax.Array]

# With fewer positions the sum takes negligible time.
_MIN_POSITIONS = 2**12


def _has_many_positions(call: BiasCall) -> bool:
    return math.prod(call.x.shape[:-1]) >= _MIN_POSITIONS


def _is_float(call: BiasCall) -> bool:
    is_float = jnp.issubdtype(call.x.dtype, jnp.floating)
    return is_float and call.x.dtype == call.bias.dtype


@register_kernel(
    "add_bias",
    "cpu",
    "XLA is slow at sums over all axes but the last.",
    when=_has_many_positions,
    supports=_is_float,
)
def gradient_by_product(call: BiasCall) -> jax.Array:
    """Add the bias, whose gradient is a product with ones."""
    return _add(*call)


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
