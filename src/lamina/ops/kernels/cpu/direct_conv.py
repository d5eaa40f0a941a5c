"""A convolution and its two gradients, each as convolutions that XLA:CPU runs fast.

JAX writes the gradients as convolutions over permuted dimensions, which XLA:CPU leaves
to a naive loop. Here they are convolutions of arrays that were transposed before, 4 to
120 times faster. All three take one group of channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from lamina.ops.kernels.cpu.window_slices import interleaved
from lamina.ops.nn.conv_params import ConvParams, layout

__all__ = ["XLA", "Convolutions", "backward", "input_gradient"]


class Convolutions(NamedTuple):
    """A library's convolution, and its gradient by the kernel."""

    convolve: Callable[[jax.Array, jax.Array, ConvParams], jax.Array]
    kernel_gradient: Callable[[jax.Array, jax.Array, jax.Array, ConvParams], jax.Array]


# With fewer channels, XLA's matrix products are too thin to keep the CPU busy.
_THIN = 16


def direct_convolution(
    x: jax.Array, kernel: jax.Array, sliding: ConvParams
) -> jax.Array:
    """The convolution of (batch, *space, in) with (*window, in, out)."""
    if _is_plain(kernel, sliding) and kernel.shape[-1] <= _THIN:
        return _slide_pairs(x, kernel, sliding)
    return _slide(x, kernel, sliding)


def _slide(
    x: jax.Array,
    kernel: jax.Array,
    sliding: ConvParams,
    spread: tuple[int, ...] | None = None,
) -> jax.Array:
    """XLA's convolution of x, its elements moved apart by `spread` first."""
    return lax.conv_general_dilated(
        x,
        kernel,
        sliding.strides,
        sliding.padding,
        spread,
        sliding.dilation,
        dimension_numbers=layout(len(sliding.strides)),
    )


def _is_plain(kernel: jax.Array, sliding: ConvParams) -> bool:
    """Whether a 2D window moves by single steps, and no further out than its size."""
    steps = (*sliding.strides, *sliding.dilation)
    borders = zip(sliding.padding, kernel.shape, strict=False)
    near = all(max(border) < size for border, size in borders)
    return kernel.ndim == 4 and kernel.shape[1] > 1 and max(steps) == 1 and near


def _slide_pairs(x: jax.Array, kernel: jax.Array, sliding: ConvParams) -> jax.Array:
    """Two neighbouring columns of the result at once, as twice as many filters."""
    rows, (before, after) = sliding.padding
    width = x.shape[2] + before + after - kernel.shape[1] + 1
    still = [(0, 0)] * 2
    both = [jnp.pad(kernel, [(0, 0), shift, *still]) for shift in ((0, 1), (1, 0))]
    moves = ConvParams((1, 2), (rows, (before, after + width % 2)), (1, 1))
    y = _slide(x, jnp.concatenate(both, -1), moves)
    y = y.reshape(*y.shape[:2], 2 * y.shape[2], kernel.shape[-1])
    return y[:, :, :width]


def input_gradient(
    dy: jax.Array,
    kernel: jax.Array,
    sliding: ConvParams,
    space: tuple[int, ...],
    by: Convolutions,
) -> jax.Array:
    """The gradient by an input of these lengths: a transposed convolution."""
    rank = len(space)
    if max(sliding.strides) > 1 and max(sliding.dilation) == 1:
        return _by_phases(dy, kernel, sliding, space, by)
    moves = backward(dy, kernel, sliding, space)
    turned = jnp.flip(kernel, range(rank)).swapaxes(-1, -2)
    if max(sliding.strides) == 1:
        return by.convolve(dy, turned, moves)
    return _slide(dy, turned, moves, spread=sliding.strides)


def backward(
    dy: jax.Array, kernel: jax.Array, sliding: ConvParams, space: tuple[int, ...]
) -> ConvParams:
    """How the turned kernel slides over a spread dy, to where it came from."""
    padding: list[tuple[int, int]] = []
    for i, (before, _) in enumerate(sliding.padding):
        reach = (kernel.shape[i] - 1) * sliding.dilation[i]
        covered = (dy.shape[i + 1] - 1) * sliding.strides[i] + 1
        padding.append((reach - before, space[i] + before - covered))
    ones = (1,) * len(space)
    return ConvParams(ones, tuple(padding), sliding.dilation, sliding.groups)


def _by_phases(
    dy: jax.Array,
    kernel: jax.Array,
    sliding: ConvParams,
    space: tuple[int, ...],
    by: Convolutions,
) -> jax.Array:
    """The elements between two strides as channels of one convolution of dy.

    Spreading dy out by the strides would multiply mostly zeros.
    """
    rank, strides, channels = len(space), sliding.strides, kernel.shape[-2]
    axes, between = range(rank), math.prod(strides)
    sizes = [-(-k // s) for k, s in zip(kernel.shape, strides, strict=False)]
    extra = [b * s - k for b, s, k in zip(sizes, strides, kernel.shape, strict=False)]
    kernel = jnp.pad(kernel, [*((0, e) for e in extra), (0, 0), (0, 0)])
    split = [n for pair in zip(sizes, strides, strict=True) for n in pair]
    kernel = kernel.reshape(*split, *kernel.shape[-2:])
    order = [*(2 * i for i in axes), 2 * rank + 1, *(2 * i + 1 for i in axes), 2 * rank]
    kernel = jnp.flip(kernel.transpose(order), axes)
    kernel = kernel.reshape(*sizes, dy.shape[-1], between * channels)
    moves = ConvParams((1,) * rank, tuple((b - 1, b - 1) for b in sizes), (1,) * rank)
    y = by.convolve(dy, kernel, moves)
    before = [border[0] for border in sliding.padding]
    ends = [n + b for n, b in zip(space, before, strict=True)]
    y = y.reshape(*y.shape[:-1], between, channels)
    y = interleaved(y, strides, ends)
    return lax.slice(y, (0, *before, 0), (y.shape[0], *ends, y.shape[-1]))


def kernel_gradient(
    x: jax.Array, dy: jax.Array, kernel: jax.Array, sliding: ConvParams
) -> jax.Array:
    """The gradient by the kernel: dy slides over x, the batch as channels."""
    rank = len(sliding.strides)
    padding: list[tuple[int, int]] = []
    for i, (before, _) in enumerate(sliding.padding):
        reach = (kernel.shape[i] - 1) * sliding.dilation[i]
        covered = (dy.shape[i + 1] - 1) * sliding.strides[i] + 1
        padding.append((before, covered + reach - x.shape[i + 1] - before))
    moves = ConvParams(sliding.dilation, tuple(padding), sliding.strides)
    space = range(1, rank + 1)
    x = _rearranged(x, (rank + 1, *space, 0))
    dy = _rearranged(dy, (*space, 0, rank + 1))
    return jnp.moveaxis(_slide(x, dy, moves), 0, rank)


def _rearranged(x: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    """x with its axes in another order.

    Both ways lead to it: XLA doesn't enter a branch to compute x anew there, element
    by element and out of order, as it does in a mere transpose.
    """

    def move(x: jax.Array) -> jax.Array:
        return x.transpose(axes)

    return lax.cond(x[(0,) * x.ndim] > 0, move, move, x) if x.size else move(x)


XLA = Convolutions(direct_convolution, kernel_gradient)
