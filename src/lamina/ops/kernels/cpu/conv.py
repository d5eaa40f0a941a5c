"""Convolution kernels for CPUs."""

from __future__ import annotations

import functools
import math
import operator

import jax
import jax.numpy as jnp

from lamina.ops.kernels.calls import ConvCall
from lamina.ops.kernels.cpu.direct_conv import XLA, conv_transpose, input_gradient
from lamina.ops.kernels.cpu.window_slices import upcast, window_slices
from lamina.ops.kernels.table import dispatch, register_kernel
from lamina.ops.nn.conv_params import ConvParams

Residuals = tuple[jax.Array, jax.Array]

# Elements of a 3x3 window over 4 channels.
_MAX_PATCH_SIZE = 36
# All windows of a strided kernel together may be this many times the size of the input.
_MAX_COPIES = 4
# Window offsets and groups are unrolled, so their number bounds compile time.
_MAX_UNROLLED = 512


def _is_pointwise(call: ConvCall) -> bool:
    is_padded = any(map(any, call.params.padding))
    return call.window_size == 1 and not is_padded and call.is_ungrouped


def _is_volume(call: ConvCall) -> bool:
    is_short = call.kernel.shape[0] <= _MAX_UNROLLED
    return is_short and len(call.params.strides) == 3 and call.is_ungrouped


def _is_grouped(call: ConvCall) -> bool:
    return 1 < call.params.groups < min(call.x.shape[-1], _MAX_UNROLLED)


def _is_ungrouped(call: ConvCall) -> bool:
    return call.is_ungrouped


def _has_small_patches(call: ConvCall) -> bool:
    strides = math.prod(call.params.strides)
    overlaps_little = call.window_size <= min(_MAX_COPIES * strides, _MAX_UNROLLED)
    is_small = math.prod(call.kernel.shape[:-1]) <= _MAX_PATCH_SIZE
    return is_small or (strides > 1 and overlaps_little)


def _is_narrow(call: ConvCall) -> bool:
    inputs = call.x.shape[-1] * math.prod(call.params.strides)
    return call.outputs <= min(_MAX_PATCH_SIZE, inputs)


@register_kernel(
    "conv",
    "cpu",
    "A convolution with a window of one element is a matrix product.",
    supports=_is_pointwise,
)
def pointwise_matmul(call: ConvCall) -> jax.Array:
    """Convolve by a matrix product over the channels."""
    x, kernel, params = call
    (positions,) = window_slices(x, kernel.shape[:-2], params)
    return _multiply_channels(positions, kernel)


@register_kernel(
    "conv",
    "cpu",
    "XLA's fast convolutions have two spatial axes.",
    supports=_is_volume,
)
def depth_in_channels(call: ConvCall) -> jax.Array:
    """Convolve in 2D each slice of a volume, with its neighbors as channels."""
    x, kernel, params = call
    strides, padding, dilation, _ = params
    x = jnp.pad(x, [(0, 0), padding[0], *[(0, 0)] * 3])
    depth = ConvParams((strides[0], 1, 1), (), (dilation[0], 1, 1))
    x = jnp.concatenate(window_slices(x, (kernel.shape[0], 1, 1), depth), -1)
    kernel = jnp.moveaxis(kernel, 0, 2)
    kernel = kernel.reshape(*kernel.shape[:2], -1, kernel.shape[-1])
    plane = ConvParams(strides[1:], padding[1:], dilation[1:])
    y = dispatch("conv", ConvCall(x.reshape(-1, *x.shape[2:]), kernel, plane))
    return y.reshape(*x.shape[:2], *y.shape[1:])


@register_kernel("conv", "cpu", "XLA is slow at groups of channels.", when=_is_grouped)
def per_group(call: ConvCall) -> jax.Array:
    """Convolve each group of channels by itself."""
    x, kernel, params = call
    ungrouped = params._replace(groups=1)
    xs, kernels = (jnp.split(a, params.groups, -1) for a in (x, kernel))
    calls = [ConvCall(*pair, ungrouped) for pair in zip(xs, kernels, strict=True)]
    return jnp.concatenate([dispatch("conv", call) for call in calls], -1)


@register_kernel(
    "conv",
    "cpu",
    "The windows are so small, or overlap so little, that one matrix can hold them.",
    when=_has_small_patches,
    supports=_is_ungrouped,
    autotuned=True,
)
def patches(call: ConvCall) -> jax.Array:
    """Convolve by a matrix product, with every window a row (im2col)."""
    x, kernel, params = call
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
def shifted_results(call: ConvCall) -> jax.Array:
    """Multiply once for all window offsets, then shift the products and add them."""
    x, kernel, params = call
    *window, channels, filters = kernel.shape
    matrix = jnp.swapaxes(upcast(kernel), -1, -2).reshape(-1, channels).T
    x32 = jnp.pad(upcast(x), [(0, 0), *params.padding, (0, 0)])
    products = _multiply_channels(x32, matrix)
    results = [
        shifted[..., i * filters : (i + 1) * filters]
        for i, shifted in enumerate(window_slices(products, tuple(window), params))
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
def forward_convolutions(call: ConvCall) -> jax.Array:
    """Convolve, with both gradients written as convolutions of the same layout.

    Like every `custom_vjp`, it has no forward-mode derivative.
    """
    return _conv(*call)


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


@register_kernel(
    "conv_transpose",
    "cpu",
    "XLA would multiply the zeros that dilate the input by the strides.",
)
def stride_phases(call: ConvCall) -> jax.Array:
    """Convolve once, with an output for each of the positions that the strides span."""
    return conv_transpose(*call, XLA)
