"""Adding a bias to every place, for CPUs.

The gradient by the bias sums over all places, which XLA:CPU does in scalar steps. A
product with ones does the same in vector steps.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from lamina.ops.kernels.table import kernel

__all__ = ["gradient_by_product"]

Pair = tuple[jax.Array, jax.Array]

# Fewer places are summed in no time.
_MANY = 2**12


def _has_many_places(x: jax.Array, bias: jax.Array) -> bool:
    """XLA is slow at sums over all axes but the last"""
    return math.prod(x.shape[:-1]) >= _MANY


def _is_float(x: jax.Array, bias: jax.Array) -> bool:
    return jnp.issubdtype(x.dtype, jnp.floating) and x.dtype == bias.dtype


@kernel("add_bias", "cpu", when=_has_many_places, can=_is_float)
def gradient_by_product(x: jax.Array, bias: jax.Array) -> jax.Array:
    """The sum, with the bias's gradient as a product with ones."""
    return _add(x, bias)


@jax.custom_jvp
def _add(x: jax.Array, bias: jax.Array) -> jax.Array:
    return x + bias


@_add.defjvp
def _tangent(primals: Pair, tangents: Pair) -> Pair:
    x, bias = primals
    dx, db = tangents
    # The transpose of a product is one; that of spreading db out would be a sum.
    everywhere = jnp.ones((math.prod(x.shape[:-1]), 1), db.dtype) @ db[None]
    return x + bias, dx + everywhere.reshape(x.shape)
