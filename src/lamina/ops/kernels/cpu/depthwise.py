"""The depthwise convolution for CPUs: no channel meets another, so no matrix product.

XLA:CPU runs a convolution of as many groups as channels as a naive loop. A sum of
shifted products is plain arithmetic on whole arrays, about 200 times faster; so is its
gradient by the input. That by the kernel sums over all places, which XLA does in
scalar steps; instead, one image after the other is added up in place.
"""

from __future__ import annotations

import functools
import math
import operator

import jax
import jax.numpy as jnp
from jax import lax

from lamina.ops.kernels.cpu.taps import padded, spread, taps, widened
from lamina.ops.kernels.table import lowering
from lamina.ops.windows import Sliding

__all__ = ["shifted_products"]

Saved = tuple[jax.Array, jax.Array]

# Every place in the window is code of its own: larger ones take long to compile.
_LONGEST = 128
# Elements that a step of the sum over images should have, to be worth its start.
_ENOUGH = 2**17


def _is_depthwise(x: jax.Array, kernel: jax.Array, sliding: Sliding) -> bool:
    return sliding.groups == x.shape[-1] > 1


def _is_short(x: jax.Array, kernel: jax.Array, sliding: Sliding) -> bool:
    """XLA is slow at groups of one channel"""
    return math.prod(kernel.shape[:-2]) <= _LONGEST


@lowering("conv", "cpu", when=_is_short, can=_is_depthwise)
def shifted_products(x: jax.Array, kernel: jax.Array, sliding: Sliding) -> jax.Array:
    """A sum of products, one for each place in the window."""
    channels = kernel.shape[-1]
    wide = jnp.repeat(widened(x), channels // x.shape[-1], -1)
    kernel = widened(kernel).reshape(*kernel.shape[:-2], channels)
    y: jax.Array = _products(wide, kernel, sliding)
    return y.astype(x.dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _products(x: jax.Array, kernel: jax.Array, sliding: Sliding) -> jax.Array:
    """The sum for a kernel of shape (*window, channels)."""
    x = padded(x, sliding.padding)
    weights = kernel.reshape(-1, kernel.shape[-1])
    products = map(operator.mul, taps(x, kernel.shape[:-1], sliding), weights)
    return functools.reduce(operator.add, products)


def _forward(
    x: jax.Array, kernel: jax.Array, sliding: Sliding
) -> tuple[jax.Array, Saved]:
    return _products(x, kernel, sliding), (x, kernel)


def _backward(sliding: Sliding, saved: Saved, dy: jax.Array) -> Saved:
    x, kernel = saved
    weights = kernel.reshape(-1, kernel.shape[-1])
    dx = spread(
        [dy], lambda i, dy: dy * weights[i], kernel.shape[:-1], sliding, x.shape[1:-1]
    )
    return dx, _kernel_gradient(x, dy, kernel, sliding)


_products.defvjp(_forward, _backward)


def _kernel_gradient(
    x: jax.Array, dy: jax.Array, kernel: jax.Array, sliding: Sliding
) -> jax.Array:
    """The gradient by the kernel, summed over a few images at a time."""
    batch, *image = dy.shape
    few = max(1, _ENOUGH // math.prod(image))
    few = math.gcd(batch, 1 << few.bit_length() - 1)

    def add(sums: list[jax.Array], images: Saved) -> tuple[list[jax.Array], None]:
        x, dy = images
        found = taps(padded(x, sliding.padding), kernel.shape[:-1], sliding)
        return [s + t * dy for s, t in zip(sums, found, strict=True)], None

    zeros = [jnp.zeros((few, *image), dy.dtype)] * math.prod(kernel.shape[:-1])
    x, dy = (a.reshape(batch // few, few, *a.shape[1:]) for a in (x, dy))
    sums, _ = lax.scan(add, zeros, (x, dy))
    # A product with ones is a sum in vector steps.
    ones = jnp.ones((1, few * math.prod(image[:-1])), dy.dtype)
    totals = [ones @ s.reshape(-1, image[-1]) for s in sums]
    return jnp.concatenate(totals).reshape(kernel.shape)
