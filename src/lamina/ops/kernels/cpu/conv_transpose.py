"""Forms of the transposed convolution for CPUs.

Its gradients are those of a convolution in other places: that by its input is the
convolution itself.
"""

from __future__ import annotations

from functools import partial

import jax

from lamina.ops.kernels.cpu.slide import input_gradient, kernel_gradient, slide
from lamina.ops.kernels.table import lowering
from lamina.ops.windows import Sliding

__all__ = ["stride_phases"]

Saved = tuple[jax.Array, jax.Array]


def _is_any(x: jax.Array, kernel: jax.Array, sliding: Sliding) -> bool:
    """XLA would multiply the zeros between strides"""
    return True


@lowering("conv_transpose", "cpu", when=_is_any)
def stride_phases(x: jax.Array, kernel: jax.Array, sliding: Sliding) -> jax.Array:
    """A convolution with as many results for each input as the strides span."""
    return _conv_transpose(x, kernel, sliding)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _conv_transpose(x: jax.Array, kernel: jax.Array, sliding: Sliding) -> jax.Array:
    return _run(x, kernel, sliding)


def _run(x: jax.Array, kernel: jax.Array, sliding: Sliding) -> jax.Array:
    lengths: list[int] = []
    for i, stride in enumerate(sliding.strides):
        reach = (kernel.shape[i] - 1) * sliding.dilation[i]
        covered = (x.shape[i + 1] - 1) * stride + 1
        lengths.append(covered + reach - sum(sliding.padding[i]))
    return input_gradient(x, kernel, sliding, tuple(lengths))


def _forward(
    x: jax.Array, kernel: jax.Array, sliding: Sliding
) -> tuple[jax.Array, Saved]:
    return _run(x, kernel, sliding), (x, kernel)


def _backward(sliding: Sliding, saved: Saved, dy: jax.Array) -> Saved:
    x, kernel = saved
    return slide(dy, kernel, sliding), kernel_gradient(dy, x, kernel, sliding)


_conv_transpose.defvjp(_forward, _backward)
