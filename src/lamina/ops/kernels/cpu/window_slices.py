"""What each place of a moving window meets, and the way back."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina.ops.nn.conv_params import ConvParams

__all__ = ["interleaved", "padded", "scatter_windows", "window_slices", "upcast"]


def upcast(x: jax.Array) -> jax.Array:
    """Floats as float32 if they have fewer bits, in which CPUs do not compute."""
    small = jnp.issubdtype(x.dtype, jnp.floating) and x.dtype.itemsize < 4
    return x.astype(jnp.float32) if small else x


def padded(x: jax.Array, padding: Sequence[tuple[int, int]], value: Any = 0) -> Any:
    """x with borders around its spatial axes, made once.

    Left to itself, XLA makes the border anew in every loop that reads it, with a
    branch for each element.
    """
    if not any(map(any, padding)):
        return x
    widths = [(0, 0), *padding, (0, 0)]
    return lax.optimization_barrier(jnp.pad(x, widths, constant_values=value))


def window_slices(
    x: jax.Array, window: Sequence[int], sliding: ConvParams
) -> list[jax.Array]:
    """For each place in the window, the elements of a padded x that it meets."""
    reach = [(k - 1) * d for k, d in zip(window, sliding.dilation, strict=True)]
    strides = (1, *sliding.strides, 1)
    travel = [
        (length - far - 1) // step * step
        for length, far, step in zip(x.shape[1:-1], reach, sliding.strides, strict=True)
    ]
    found: list[jax.Array] = []
    for place in itertools.product(*map(range, window)):
        first = [p * d for p, d in zip(place, sliding.dilation, strict=True)]
        last = [f + t + 1 for f, t in zip(first, travel, strict=True)]
        ends = (x.shape[0], *last, x.shape[-1])
        found.append(lax.slice(x, (0, *first, 0), ends, strides))
    return found


def scatter_windows(
    arrays: Sequence[jax.Array],
    value: Callable[..., jax.Array],
    window: Sequence[int],
    sliding: ConvParams,
    space: Sequence[int],
) -> jax.Array:
    """Add the values of each window offset to its elements, `window_slices` transposed.

    A place meets only elements whose position, divided by the stride, leaves one
    remainder. So the sums go by remainders, and nothing is spread out with zeros.

    Args:
        arrays: what `value` is computed from, (batch, *windows, channels) each.
        value: what a place gives, of its number and of the arrays.
        window: size of the window.
        sliding: how it moves over the space.
        space: lengths of the result, which has no padding.
    """
    batch, *given, channels = arrays[0].shape
    axes = zip(window, sliding.dilation, sliding.padding, strict=True)
    places = [range(-before, k * d - before, d) for k, d, (before, _) in axes]
    moves = [
        [divmod(offset, stride) for offset in offsets]
        for offsets, stride in zip(places, sliding.strides, strict=True)
    ]
    counts = [-(-n // s) for n, s in zip(space, sliding.strides, strict=True)]
    lows = [max(0, move[-1][0]) for move in moves]
    highs = [
        max(0, n - move[0][0] - have)
        for n, move, have in zip(counts, moves, given, strict=True)
    ]
    arrays = [padded(a, list(zip(lows, highs, strict=True))) for a in arrays]
    zero = jnp.zeros((), arrays[0].dtype)
    sums = dict.fromkeys(np.ndindex(*sliding.strides), zero)
    for number, pairs in enumerate(itertools.product(*moves)):
        steps, rests = zip(*pairs, strict=True)
        start = [low - step for low, step in zip(lows, steps, strict=True)]
        sums[rests] += value(number, *(_block(a, start, counts) for a in arrays))
    # Stacked, not joined along the channels: XLA makes one fast loop of it.
    parts = [jnp.broadcast_to(v, (batch, *counts, channels)) for v in sums.values()]
    return interleaved(jnp.stack(parts, -2), sliding.strides, space)


def _block(x: jax.Array, start: Sequence[int], lengths: Sequence[int]) -> jax.Array:
    ends = [s + n for s, n in zip(start, lengths, strict=True)]
    return lax.slice(x, (0, *start, 0), (x.shape[0], *ends, x.shape[-1]))


def interleaved(
    parts: jax.Array, strides: Sequence[int], space: Sequence[int]
) -> jax.Array:
    """Put what lies between two strides side by side.

    Args:
        parts: (batch, *counts, product of strides, channels): for each place that a
            window starts from, the elements up to the next.
        strides: how many elements that is along each axis.
        space: lengths of the result; it is cut at the end, or filled with zeros.
    """
    rank = len(space)
    counts, channels = parts.shape[1:-2], parts.shape[-1]
    x = parts.reshape(*parts.shape[:-2], *strides, channels)
    order = [axis for i in range(rank) for axis in (1 + i, 1 + rank + i)]
    lengths = [n * s for n, s in zip(counts, strides, strict=True)]
    x = x.transpose(0, *order, 2 * rank + 1)
    x = x.reshape(parts.shape[0], *lengths, channels)
    ends = [(0, n - have, 0) for n, have in zip(space, lengths, strict=True)]
    return lax.pad(x, np.zeros((), x.dtype), [(0, 0, 0), *ends, (0, 0, 0)])
