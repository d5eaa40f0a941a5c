"""Gradients of the depthwise convolution, for CPUs.

The gradient of the input is a sum of shifted products, like the convolution. The
gradient of the kernel sums over all positions, which XLA does with scalar instructions.
Here a loop adds up the products of a few images at a time.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import lax

from lamina.ops.kernels.calls import ConvCall
from lamina.ops.kernels.cpu.window_slices import (
    pad_once,
    scatter_windows,
    window_slices,
)
from lamina.ops.nn.conv_params import ConvParams

Pair = tuple[jax.Array, jax.Array]

# Elements in a step of the loop over images; smaller steps do not pay for their start.
_STEP_SIZE = 2**17


# Window offsets are unrolled, so their number bounds compile time.
_MAX_UNROLLED = 128


def is_depthwise(call: ConvCall) -> bool:
    """Return whether each channel is a group."""
    return call.params.groups == call.x.shape[-1] > 1


def is_short(call: ConvCall) -> bool:
    """Return whether the window is small enough to unroll."""
    return call.window_size <= _MAX_UNROLLED


def repeat_channels(
    x: jax.Array, kernel: jax.Array, params: ConvParams
) -> tuple[jax.Array, ConvParams]:
    """Repeat the channels of x so that each filter has its own group."""
    channels = kernel.shape[-1]
    repeated = jnp.repeat(x, channels // x.shape[-1], -1)
    return repeated, params._replace(groups=channels)


def input_gradient(
    dy: jax.Array, kernel: jax.Array, params: ConvParams, space: tuple[int, ...]
) -> jax.Array:
    """Compute the gradient of an input of shape `space`.

    The kernel is (*window, channels).
    """
    weights = kernel.reshape(-1, kernel.shape[-1])

    def product(i: int, dy: jax.Array) -> jax.Array:
        return dy * weights[i]

    return scatter_windows([dy], product, kernel.shape[:-1], params, space)


def kernel_gradient(
    x: jax.Array, dy: jax.Array, window: tuple[int, ...], params: ConvParams
) -> jax.Array:
    """Compute the gradient of the kernel, summed over a few images at a time."""
    batch, *image = dy.shape
    count = max(1, _STEP_SIZE // math.prod(image))
    count = math.gcd(batch, 1 << count.bit_length() - 1)

    def add(sums: list[jax.Array], images: Pair) -> tuple[list[jax.Array], None]:
        x, dy = images
        slices = window_slices(pad_once(x, params.padding), window, params)
        return [s + t * dy for s, t in zip(sums, slices, strict=True)], None

    zeros = [jnp.zeros((count, *image), dy.dtype)] * math.prod(window)
    x, dy = (a.reshape(batch // count, count, *a.shape[1:]) for a in (x, dy))
    sums, _ = lax.scan(add, zeros, (x, dy))
    # A product with ones is a sum with vector instructions.
    ones = jnp.ones((1, count * math.prod(image[:-1])), dy.dtype)
    totals = [ones @ s.reshape(-1, image[-1]) for s in sums]
    return jnp.concatenate(totals).reshape(*window, image[-1])
