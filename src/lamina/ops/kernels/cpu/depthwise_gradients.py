"""The gradients of the depthwise convolution, for CPUs.

That by the input is a sum of shifted products, as the convolution is. That by the
kernel sums over all places, which XLA does in scalar steps; instead, one image after
the other is added up in place.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import lax

from lamina.ops.kernels.cpu.window_slices import padded, scatter_windows, window_slices
from lamina.ops.nn.conv_params import ConvParams

__all__ = ["input_gradient", "kernel_gradient"]

Pair = tuple[jax.Array, jax.Array]

# Elements that a step of the sum over images should have, to be worth its start.
_ENOUGH = 2**17


def input_gradient(
    dy: jax.Array, kernel: jax.Array, sliding: ConvParams, space: tuple[int, ...]
) -> jax.Array:
    """The gradient by an input of these lengths, from a kernel (*window, channels)."""
    weights = kernel.reshape(-1, kernel.shape[-1])

    def value(i: int, dy: jax.Array) -> jax.Array:
        return dy * weights[i]

    return scatter_windows([dy], value, kernel.shape[:-1], sliding, space)


def kernel_gradient(
    x: jax.Array, dy: jax.Array, window: tuple[int, ...], sliding: ConvParams
) -> jax.Array:
    """The gradient by the kernel, summed over a few images at a time."""
    batch, *image = dy.shape
    few = max(1, _ENOUGH // math.prod(image))
    few = math.gcd(batch, 1 << few.bit_length() - 1)

    def add(sums: list[jax.Array], images: Pair) -> tuple[list[jax.Array], None]:
        x, dy = images
        found = window_slices(padded(x, sliding.padding), window, sliding)
        return [s + t * dy for s, t in zip(sums, found, strict=True)], None

    zeros = [jnp.zeros((few, *image), dy.dtype)] * math.prod(window)
    x, dy = (a.reshape(batch // few, few, *a.shape[1:]) for a in (x, dy))
    sums, _ = lax.scan(add, zeros, (x, dy))
    # A product with ones is a sum in vector steps.
    ones = jnp.ones((1, few * math.prod(image[:-1])), dy.dtype)
    totals = [ones @ s.reshape(-1, image[-1]) for s in sums]
    return jnp.concatenate(totals).reshape(*window, image[-1])
