"""The depthwise convolution for CPUs: no channel meets another, so no matrix product.

XLA:CPU runs a convolution of as many groups as channels as a naive loop. A sum of
shifted products is plain arithmetic on whole arrays, about 200 times faster, and
oneDNN's up to three times faster still.
"""

from __future__ import annotations

import functools
import math
import operator

import jax
import jax.numpy as jnp

from lamina.ops.kernels.cpu.depthwise_gradients import (
    input_gradient,
    kernel_gradient,
)
from lamina.ops.kernels.cpu.onednn import ONEDNN, can_run
from lamina.ops.kernels.cpu.window_slices import padded, upcast, window_slices
from lamina.ops.kernels.table import kernel
from lamina.ops.nn.conv_params import ConvParams

__all__ = ["onednn_depthwise", "shifted_products"]

Saved = tuple[jax.Array, jax.Array]

# Every place in the window is code of its own: larger ones take long to compile.
_LONGEST = 128


def _is_depthwise(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> bool:
    return sliding.groups == x.shape[-1] > 1


def _is_short(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> bool:
    """XLA is slow at groups of one channel"""
    return math.prod(kernel.shape[:-2]) <= _LONGEST


def _is_quick(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> bool:
    """oneDNN is faster than a sum of products"""
    return _is_short(x, kernel, sliding)


def _can_call(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> bool:
    return _is_depthwise(x, kernel, sliding) and can_run(x, kernel, sliding)


@kernel("conv", "cpu", when=_is_quick, can=_can_call)
def onednn_depthwise(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> jax.Array:
    """oneDNN's convolution of each channel, also for the gradient by the input."""
    wide, sliding = _as_many(x, kernel, sliding)
    kernel = kernel.reshape(*kernel.shape[:-2], 1, kernel.shape[-1])
    return ONEDNN.convolve(wide, kernel, sliding)


@kernel("conv", "cpu", when=_is_short, can=_is_depthwise)
def shifted_products(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> jax.Array:
    """A sum of products, one for each place in the window."""
    wide, sliding = _as_many(upcast(x), kernel, sliding)
    kernel = upcast(kernel).reshape(*kernel.shape[:-2], kernel.shape[-1])
    y: jax.Array = _products(wide, kernel, sliding)
    return y.astype(x.dtype)


def _as_many(
    x: jax.Array, kernel: jax.Array, sliding: ConvParams
) -> tuple[jax.Array, ConvParams]:
    """x with as many channels as the result will have, and that as many groups."""
    channels = kernel.shape[-1]
    wide = jnp.repeat(x, channels // x.shape[-1], -1)
    return wide, sliding._replace(groups=channels)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _products(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> jax.Array:
    """The sum for a kernel of shape (*window, channels)."""
    x = padded(x, sliding.padding)
    weights = kernel.reshape(-1, kernel.shape[-1])
    products = map(operator.mul, window_slices(x, kernel.shape[:-1], sliding), weights)
    return functools.reduce(operator.add, products)


def _forward(
    x: jax.Array, kernel: jax.Array, sliding: ConvParams
) -> tuple[jax.Array, Saved]:
    return _products(x, kernel, sliding), (x, kernel)


def _backward(sliding: ConvParams, saved: Saved, dy: jax.Array) -> Saved:
    x, kernel = saved
    dx = input_gradient(dy, kernel, sliding, x.shape[1:-1])
    return dx, kernel_gradient(x, dy, kernel.shape[:-1], sliding)


_products.defvjp(_forward, _backward)
