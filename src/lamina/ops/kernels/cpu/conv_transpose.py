"""Transposed convolution kernels for CPUs.

The gradient with respect to the input is the convolution itself.
"""

from __future__ import annotations

from functools import partial

import jax

from lamina.ops.kernels.cpu.direct_conv import XLA, Convolutions, input_gradient
from lamina.ops.kernels.cpu.onednn import ONEDNN, can_run
from lamina.ops.kernels.table import register_kernel
from lamina.ops.nn.conv_params import ConvParams

Residuals = tuple[jax.Array, jax.Array]


_REASON = "XLA would multiply the zeros that dilate the input by the strides."


@register_kernel("conv_transpose", "cpu", _REASON, supports=can_run)
def onednn(x: jax.Array, kernel: jax.Array, params: ConvParams) -> jax.Array:
    """Compute `stride_phases` by oneDNN's convolution."""
    return _conv_transpose(x, kernel, params, ONEDNN)


@register_kernel("conv_transpose", "cpu", _REASON)
def stride_phases(x: jax.Array, kernel: jax.Array, params: ConvParams) -> jax.Array:
    """Convolve once, with an output for each of the positions that the strides span."""
    return _conv_transpose(x, kernel, params, XLA)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _conv_transpose(
    x: jax.Array, kernel: jax.Array, params: ConvParams, library: Convolutions
) -> jax.Array:
    return _run(x, kernel, params, library)


def _run(
    x: jax.Array, kernel: jax.Array, params: ConvParams, library: Convolutions
) -> jax.Array:
    lengths: list[int] = []
    for i, stride in enumerate(params.strides):
        extent = (kernel.shape[i] - 1) * params.dilation[i]
        covered = (x.shape[i + 1] - 1) * stride + 1
        lengths.append(covered + extent - sum(params.padding[i]))
    return input_gradient(x, kernel, params, tuple(lengths), library)


def _forward(
    x: jax.Array, kernel: jax.Array, params: ConvParams, library: Convolutions
) -> tuple[jax.Array, Residuals]:
    return _run(x, kernel, params, library), (x, kernel)


def _backward(
    params: ConvParams, library: Convolutions, residuals: Residuals, dy: jax.Array
) -> Residuals:
    x, kernel = residuals
    dx = library.convolve(dy, kernel, params)
    return dx, library.kernel_gradient(dy, x, kernel, params)


_conv_transpose.defvjp(_forward, _backward)
