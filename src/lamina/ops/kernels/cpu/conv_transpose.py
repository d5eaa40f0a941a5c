"""Forms of the transposed convolution for CPUs.

Its gradients are those of a convolution in other places: that by its input is the
convolution itself.
"""

from __future__ import annotations

from functools import partial

import jax

from lamina.ops.kernels.cpu.direct_conv import XLA, Convolutions, input_gradient
from lamina.ops.kernels.cpu.onednn import ONEDNN, can_run
from lamina.ops.kernels.table import kernel
from lamina.ops.nn.conv_params import ConvParams

__all__ = ["onednn", "stride_phases"]

Saved = tuple[jax.Array, jax.Array]


def _is_any(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> bool:
    """XLA would multiply the zeros between strides"""
    return True


@kernel("conv_transpose", "cpu", when=_is_any, can=can_run)
def onednn(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> jax.Array:
    """As `stride_phases`, by oneDNN's convolution."""
    return _conv_transpose(x, kernel, sliding, ONEDNN)


@kernel("conv_transpose", "cpu", when=_is_any)
def stride_phases(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> jax.Array:
    """A convolution with as many results for each input as the strides span."""
    return _conv_transpose(x, kernel, sliding, XLA)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _conv_transpose(
    x: jax.Array, kernel: jax.Array, sliding: ConvParams, by: Convolutions
) -> jax.Array:
    return _run(x, kernel, sliding, by)


def _run(
    x: jax.Array, kernel: jax.Array, sliding: ConvParams, by: Convolutions
) -> jax.Array:
    lengths: list[int] = []
    for i, stride in enumerate(sliding.strides):
        reach = (kernel.shape[i] - 1) * sliding.dilation[i]
        covered = (x.shape[i + 1] - 1) * stride + 1
        lengths.append(covered + reach - sum(sliding.padding[i]))
    return input_gradient(x, kernel, sliding, tuple(lengths), by)


def _forward(
    x: jax.Array, kernel: jax.Array, sliding: ConvParams, by: Convolutions
) -> tuple[jax.Array, Saved]:
    return _run(x, kernel, sliding, by), (x, kernel)


def _backward(
    sliding: ConvParams, by: Convolutions, saved: Saved, dy: jax.Array
) -> Saved:
    x, kernel = saved
    dx = by.convolve(dy, kernel, sliding)
    return dx, by.kernel_gradient(dy, x, kernel, sliding)


_conv_transpose.defvjp(_forward, _backward)
