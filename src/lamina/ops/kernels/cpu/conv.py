"""Convolution with gradients that XLA's CPU backend runs fast.

JAX writes the gradients of a convolution as convolutions over permuted dimensions,
which XLA:CPU leaves to a naive loop. Here both are ordinary forward convolutions of
transposed arrays, 4 to 120 times faster. As every `custom_vjp`, it has no
forward-mode derivative.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from lamina.ops.windows import layout

__all__ = ["conv", "fits"]

Pairs = tuple[tuple[int, int], ...]


def fits(
    x: Any, kernel: Any, strides: Any, padding: Any, dilation: Any, groups: int
) -> bool:
    """Whether the channels form one group."""
    return groups == 1


def conv(
    x: jax.Array,
    kernel: jax.Array,
    strides: tuple[int, ...],
    padding: list[tuple[int, int]],
    dilation: tuple[int, ...],
    groups: int,
) -> jax.Array:
    """The convolution of (batch, *space, in) with (*window, in, out)."""
    del groups
    return _conv(x, kernel, strides, tuple(padding), dilation)


def _forward_conv(
    x: jax.Array,
    kernel: jax.Array,
    strides: tuple[int, ...],
    padding: Pairs,
    spread: tuple[int, ...],
    dilation: tuple[int, ...],
) -> jax.Array:
    numbers = layout(len(strides))
    return lax.conv_general_dilated(
        x, kernel, strides, padding, spread, dilation, dimension_numbers=numbers
    )


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _conv(
    x: jax.Array,
    kernel: jax.Array,
    strides: tuple[int, ...],
    padding: Pairs,
    dilation: tuple[int, ...],
) -> jax.Array:
    ones = (1,) * len(strides)
    return _forward_conv(x, kernel, strides, padding, ones, dilation)


def _forward(
    x: jax.Array,
    kernel: jax.Array,
    strides: tuple[int, ...],
    padding: Pairs,
    dilation: tuple[int, ...],
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _conv(x, kernel, strides, padding, dilation), (x, kernel)


def _backward(
    strides: tuple[int, ...],
    padding: Pairs,
    dilation: tuple[int, ...],
    saved: tuple[jax.Array, jax.Array],
    dy: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    rank = len(strides)
    ones = (1,) * rank
    input_pads: list[tuple[int, int]] = []
    kernel_pads: list[tuple[int, int]] = []
    for i, (before, _) in enumerate(padding):
        length, reach = x.shape[i + 1], (kernel.shape[i] - 1) * dilation[i]
        covered = (dy.shape[i + 1] - 1) * strides[i] + 1
        low = reach - before
        input_pads.append((low, length + reach - covered - low))
        kernel_pads.append((before, covered + reach - length - before))
    turned = jnp.flip(kernel, range(rank)).swapaxes(-1, -2)
    dx = _forward_conv(dy, turned, ones, tuple(input_pads), strides, dilation)
    # The batch becomes the channels, and dy slides over x as a kernel.
    dkernel = _forward_conv(
        jnp.swapaxes(x, 0, -1),
        jnp.moveaxis(dy, 0, rank),
        dilation,
        tuple(kernel_pads),
        ones,
        strides,
    )
    return dx, jnp.moveaxis(dkernel, 0, rank)


_conv.defvjp(_forward, _backward)
