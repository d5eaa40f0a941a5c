"""Forms of the convolution for CPUs."""

from __future__ import annotations

import functools
import math
import operator

import jax
import jax.numpy as jnp

from lamina.ops.kernels.cpu.direct_conv import XLA, input_gradient
from lamina.ops.kernels.cpu.onednn import ONEDNN, can_run
from lamina.ops.kernels.cpu.window_slices import upcast, window_slices
from lamina.ops.kernels.table import call, kernel
from lamina.ops.nn.conv_params import ConvParams

__all__ = [
    "depth_in_channels",
    "forward_convolutions",
    "pointwise_matmul",
    "onednn",
    "patches",
    "per_group",
    "shifted_results",
]

Saved = tuple[jax.Array, jax.Array]

# Elements of a 3x3 window over 4 channels.
_SMALL = 36
# As many results for a place are fewer than oneDNN computes at once: two of 3x3.
_FEWEST = 18
# How many times as large as the input the windows of strided kernels may be together.
_COPIES = 4
# Every place in a window, and every group, is code of its own.
_LONGEST = 512


def _is_single(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> bool:
    """the window is one element: this is a matrix product"""
    unpadded = not any(map(any, sliding.padding))
    return math.prod(kernel.shape[:-2]) == 1 and unpadded and sliding.groups == 1


def _is_volume(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> bool:
    """XLA's fast convolutions have two axes"""
    near = kernel.shape[0] <= _LONGEST
    return near and len(sliding.strides) == 3 and sliding.groups == 1


def _is_grouped(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> bool:
    """XLA is slow at groups of channels"""
    return 1 < sliding.groups < min(x.shape[-1], _LONGEST)


def _can_call(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> bool:
    return sliding.groups == 1 and can_run(x, kernel, sliding)


def _is_quick(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> bool:
    """oneDNN is faster than XLA's own convolution"""
    return math.prod(kernel.shape[:-2]) * kernel.shape[-1] > _FEWEST


def _is_small(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> bool:
    """windows have few elements or strides: one matrix can hold them all"""
    strides, window = math.prod(sliding.strides), math.prod(kernel.shape[:-2])
    few = strides > 1 and window <= min(_COPIES * strides, _LONGEST)
    return few or math.prod(kernel.shape[:-1]) <= _SMALL


def _is_narrow(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> bool:
    """the results for every place in the window have fewer channels than the input"""
    filters = math.prod(kernel.shape[:-2]) * kernel.shape[-1]
    return filters <= min(_SMALL, x.shape[-1] * math.prod(sliding.strides))


def _is_whole(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> bool:
    """XLA is slow at the gradients that JAX derives"""
    return sliding.groups == 1


@kernel("conv", "cpu", when=_is_single, can=_is_single)
def pointwise_matmul(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> jax.Array:
    """A matrix product of the channels."""
    (places,) = window_slices(x, kernel.shape[:-2], sliding)
    return _product(places, kernel)


@kernel("conv", "cpu", when=_is_volume, can=_is_volume)
def depth_in_channels(
    x: jax.Array, kernel: jax.Array, sliding: ConvParams
) -> jax.Array:
    """A 2D convolution of each slice, the slices near it as more channels."""
    strides, padding, dilation, _ = sliding
    x = jnp.pad(x, [(0, 0), padding[0], *[(0, 0)] * 3])
    along = ConvParams((strides[0], 1, 1), (), (dilation[0], 1, 1))
    x = jnp.concatenate(window_slices(x, (kernel.shape[0], 1, 1), along), -1)
    kernel = jnp.moveaxis(kernel, 0, 2)
    kernel = kernel.reshape(*kernel.shape[:2], -1, kernel.shape[-1])
    across = ConvParams(strides[1:], padding[1:], dilation[1:])
    y = call("conv", x.reshape(-1, *x.shape[2:]), kernel, across)
    return y.reshape(*x.shape[:2], *y.shape[1:])


@kernel("conv", "cpu", when=_is_grouped)
def per_group(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> jax.Array:
    """Each group by itself."""
    alone = sliding._replace(groups=1)
    xs, kernels = (jnp.split(a, sliding.groups, -1) for a in (x, kernel))
    pairs = zip(xs, kernels, strict=True)
    return jnp.concatenate([call("conv", *pair, alone) for pair in pairs], -1)


@kernel("conv", "cpu", when=_is_quick, can=_can_call, close=True)
def onednn(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> jax.Array:
    """oneDNN's convolution, also for both gradients."""
    return ONEDNN.convolve(x, kernel, sliding)


@kernel("conv", "cpu", when=_is_small, can=_is_whole, close=True)
def patches(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> jax.Array:
    """A matrix product, with every window a row of one matrix."""
    wide = jnp.pad(upcast(x), [(0, 0), *sliding.padding, (0, 0)])
    rows = jnp.concatenate(window_slices(wide, kernel.shape[:-2], sliding), -1)
    return _product(rows, upcast(kernel)).astype(x.dtype)


@kernel("conv", "cpu", when=_is_narrow, can=_is_whole)
def shifted_results(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> jax.Array:
    """A matrix product for all places in the window; its results are shifted, added."""
    *window, channels, filters = kernel.shape
    matrix = jnp.swapaxes(upcast(kernel), -1, -2).reshape(-1, channels).T
    wide = _product(jnp.pad(upcast(x), [(0, 0), *sliding.padding, (0, 0)]), matrix)
    results = [
        shifted[..., i * filters : (i + 1) * filters]
        for i, shifted in enumerate(window_slices(wide, window, sliding))
    ]
    return functools.reduce(operator.add, results).astype(x.dtype)


def _product(rows: jax.Array, kernel: jax.Array) -> jax.Array:
    """Every place's channels times the kernel as a matrix.

    As two dimensions: with more, XLA transposes them for the gradients.
    """
    *places, channels = rows.shape
    flat = rows.reshape(math.prod(places), channels)
    y = flat @ kernel.reshape(channels, kernel.shape[-1])
    return y.reshape(*places, kernel.shape[-1])


@kernel("conv", "cpu", when=_is_whole, can=_is_whole, close=True)
def forward_convolutions(
    x: jax.Array, kernel: jax.Array, sliding: ConvParams
) -> jax.Array:
    """A convolution whose gradients are written as convolutions of the same kind.

    As every `custom_vjp`, it has no forward-mode derivative.
    """
    return _conv(x, kernel, sliding)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _conv(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> jax.Array:
    return XLA.convolve(x, kernel, sliding)


def _forward(
    x: jax.Array, kernel: jax.Array, sliding: ConvParams
) -> tuple[jax.Array, Saved]:
    return XLA.convolve(x, kernel, sliding), (x, kernel)


def _backward(sliding: ConvParams, saved: Saved, dy: jax.Array) -> Saved:
    x, kernel = saved
    dx = input_gradient(dy, kernel, sliding, x.shape[1:-1], XLA)
    return dx, XLA.kernel_gradient(x, dy, kernel, sliding)


_conv.defvjp(_forward, _backward)
