"""Convolution kernels for CPUs."""

from __future__ import annotations

import functools
import math
import operator

import jax
import jax.numpy as jnp

from lamina.ops.kernels.cpu.direct_conv import XLA, input_gradient
from lamina.ops.kernels.cpu.onednn import ONEDNN, can_run
from lamina.ops.kernels.cpu.window_slices import upcast, window_slices
from lamina.ops.kernels.table import dispatch, register_kernel
from lamina.ops.nn.conv_params import ConvParams

Residuals = tuple[jax.Array, jax.Array]

# Elements of a 3x3 window over 4 channels.
_MAX_PATCH_SIZE = 36
# Two filters of 3x3: with fewer outputs per position oneDNN's vectors are not full.
_MIN_ONEDNN_OUTPUTS = 18
# All windows of a strided kernel together may be this many times the size of the input.
_MAX_COPIES = 4
# Window offsets and groups are unrolled, so their number bounds compile time.
_MAX_UNROLLED = 512


def _is_pointwise(x: jax.Array, kernel: jax.Array, params: ConvParams) -> bool:
    unpadded = not any(map(any, params.padding))
    return math.prod(kernel.shape[:-2]) == 1 and unpadded and params.groups == 1


def _is_volume(x: jax.Array, kernel: jax.Array, params: ConvParams) -> bool:
    is_short = kernel.shape[0] <= _MAX_UNROLLED
    return is_short and len(params.strides) == 3 and params.groups == 1


def _is_grouped(x: jax.Array, kernel: jax.Array, params: ConvParams) -> bool:
    return 1 < params.groups < min(x.shape[-1], _MAX_UNROLLED)


def _is_supported_by_onednn(
    x: jax.Array, kernel: jax.Array, params: ConvParams
) -> bool:
    return params.groups == 1 and can_run(x, kernel, params)


def _has_many_outputs(x: jax.Array, kernel: jax.Array, params: ConvParams) -> bool:
    return math.prod(kernel.shape[:-2]) * kernel.shape[-1] > _MIN_ONEDNN_OUTPUTS


def _has_small_patches(x: jax.Array, kernel: jax.Array, params: ConvParams) -> bool:
    strides, window = math.prod(params.strides), math.prod(kernel.shape[:-2])
    overlaps_little = window <= min(_MAX_COPIES * strides, _MAX_UNROLLED)
    is_small = math.prod(kernel.shape[:-1]) <= _MAX_PATCH_SIZE
    return is_small or (strides > 1 and overlaps_little)


def _is_narrow(x: jax.Array, kernel: jax.Array, params: ConvParams) -> bool:
    outputs = math.prod(kernel.shape[:-2]) * kernel.shape[-1]
    return outputs <= min(_MAX_PATCH_SIZE, x.shape[-1] * math.prod(params.strides))


def _is_ungrouped(x: jax.Array, kernel: jax.Array, params: ConvParams) -> bool:
    return params.groups == 1


@register_kernel(
    "conv",
    "cpu",
    "A convolution with a window of one element is a matrix product.",
    supports=_is_pointwise,
)
def pointwise_matmul(x: jax.Array, kernel: jax.Array, params: ConvParams) -> jax.Array:
    """Convolve by a matrix product over the channels."""
    (positions,) = window_slices(x, kernel.shape[:-2], params)
    return _multiply_channels(positions, kernel)


@register_kernel(
    "conv",
    "cpu",
    "XLA's fast convolutions have two spatial axes.",
    supports=_is_volume,
)
def depth_in_channels(x: jax.Array, kernel: jax.Array, params: ConvParams) -> jax.Array:
    """Convolve in 2D each slice of a volume, with its neighbors as channels."""
    strides, padding, dilation, _ = params
    x = jnp.pad(x, [(0, 0), padding[0], *[(0, 0)] * 3])
    depth = ConvParams((strides[0], 1, 1), (), (dilation[0], 1, 1))
    x = jnp.concatenate(window_slices(x, (kernel.shape[0], 1, 1), depth), -1)
    kernel = jnp.moveaxis(kernel, 0, 2)
    kernel = kernel.reshape(*kernel.shape[:2], -1, kernel.shape[-1])
    plane = ConvParams(strides[1:], padding[1:], dilation[1:])
    y = dispatch("conv", x.reshape(-1, *x.shape[2:]), kernel, plane)
    return y.reshape(*x.shape[:2], *y.shape[1:])


@register_kernel("conv", "cpu", "XLA is slow at groups of channels.", when=_is_grouped)
def per_group(x: jax.Array, kernel: jax.Array, params: ConvParams) -> jax.Array:
    """Convolve each group of channels by itself."""
    ungrouped = params._replace(groups=1)
    xs, kernels = (jnp.split(a, params.groups, -1) for a in (x, kernel))
    pairs = zip(xs, kernels, strict=True)
    return jnp.concatenate([dispatch("conv", *pair, ungrouped) for pair in pairs], -1)


@register_kernel(
    "conv",
    "cpu",
    "oneDNN is faster than XLA's convolution.",
    when=_has_many_outputs,
    supports=_is_supported_by_onednn,
    autotuned=True,
)
def onednn(x: jax.Array, kernel: jax.Array, params: ConvParams) -> jax.Array:
    """Convolve by oneDNN, forward and for both gradients."""
    return ONEDNN.convolve(x, kernel, params)


@register_kernel(
    "conv",
    "cpu",
    "The windows are so small, or overlap so little, that one matrix can hold them.",
    when=_has_small_patches,
    supports=_is_ungrouped,
    autotuned=True,
)
def patches(x: jax.Array, kernel: jax.Array, params: ConvParams) -> jax.Array:
    """Convolve by a matrix product, with every window a row (im2col)."""
    x32 = jnp.pad(upcast(x), [(0, 0), *params.padding, (0, 0)])
    rows = jnp.concatenate(window_slices(x32, kernel.shape[:-2], params), -1)
    return _multiply_channels(rows, upcast(kernel)).astype(x.dtype)


@register_kernel(
    "conv",
    "cpu",
    "The products for all window offsets have fewer channels than the input.",
    when=_is_narrow,
    supports=_is_ungrouped,
)
def shifted_results(x: jax.Array, kernel: jax.Array, params: ConvParams) -> jax.Array:
    """Multiply once for all window offsets, then shift the products and add them."""
    *window, channels, filters = kernel.shape
    matrix = jnp.swapaxes(upcast(kernel), -1, -2).reshape(-1, channels).T
    x32 = jnp.pad(upcast(x), [(0, 0), *params.padding, (0, 0)])
    products = _multiply_channels(x32, matrix)
    results = [
        shifted[..., i * filters : (i + 1) * filters]
        for i, shifted in enumerate(window_slices(products, window, params))
    ]
    return functools.reduce(operator.add, results).astype(x.dtype)


def _multiply_channels(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Multiply the channels of each position by the kernel as a matrix.

    The product has two dimensions: with more, XLA transposes them for the gradients.
    """
    *positions, channels = x.shape
    flat = x.reshape(math.prod(positions), channels)
    y = flat @ kernel.reshape(channels, kernel.shape[-1])
    return y.reshape(*positions, kernel.shape[-1])


@register_kernel(
    "conv",
    "cpu",
    "XLA is slow at the gradients that JAX derives.",
    supports=_is_ungrouped,
    autotuned=True,
)
def forward_convolutions(
    x: jax.Array, kernel: jax.Array, params: ConvParams
) -> jax.Array:
    """Convolve, with both gradients written as convolutions of the same layout.

    Like every `custom_vjp`, it has no forward-mode derivative.
    """
    return _conv(x, kernel, params)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _conv(x: jax.Array, kernel: jax.Array, params: ConvParams) -> jax.Array:
    return XLA.convolve(x, kernel, params)


def _forward(
    x: jax.Array, kernel: jax.Array, params: ConvParams
) -> tuple[jax.Array, Residuals]:
    return XLA.convolve(x, kernel, params), (x, kernel)


def _backward(params: ConvParams, residuals: Residuals, dy: jax.Array) -> Residuals:
    x, kernel = residuals
    dx = input_gradient(dy, kernel, params, x.shape[1:-1], XLA)
    return dx, XLA.kernel_gradient(x, dy, kernel, params)


_conv.defvjp(_forward, _backward)
