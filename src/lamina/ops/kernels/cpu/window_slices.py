"""Slices of an array at each offset of a moving window, and their transpose."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina.ops.nn.conv_params import ConvParams
from lamina.typing import ArrayLike


def upcast(x: jax.Array) -> jax.Array:
    """Cast 16-bit floats to float32: CPUs do not compute in 16 bits."""
    is_small = jnp.issubdtype(x.dtype, jnp.floating) and x.dtype.itemsize < 4
    return x.astype(jnp.float32) if is_small else x


def pad_once(
    x: jax.Array, padding: Sequence[tuple[int, int]], value: ArrayLike = 0
) -> jax.Array:
    """Pad the spatial axes of x, and keep XLA from fusing the padding.

    A fused padding is computed again in every loop that reads it, with a branch for
    each element.
    """
    if not any(map(any, padding)):
        return x
    widths = [(0, 0), *padding, (0, 0)]
    return lax.optimization_barrier(jnp.pad(x, widths, constant_values=value))


def extents(window: Sequence[int], params: ConvParams) -> list[int]:
    """Return the distance from the first to the last element of a window."""
    pairs = zip(window, params.dilation, strict=False)
    return [(size - 1) * rate for size, rate in pairs]


def covered(lengths: Sequence[int], params: ConvParams) -> list[int]:
    """Return the distance that the first elements of all windows span."""
    pairs = zip(lengths, params.strides, strict=True)
    return [(length - 1) * stride + 1 for length, stride in pairs]


# Without `jit`, each slice would be a program of its own outside of programs: 256 of
# them, which take 5 s to compile, for the windows of an `STFTSpectrogram`.
@functools.partial(jax.jit, static_argnums=(1, 2), inline=True)
def window_slices(
    x: jax.Array, window: tuple[int, ...], params: ConvParams
) -> list[jax.Array]:
    """Return, for each window offset, the elements of a padded x that it covers."""
    strides = (1, *params.strides, 1)
    axes = zip(x.shape[1:-1], extents(window, params), params.strides, strict=True)
    distances = [(length - extent - 1) // step * step for length, extent, step in axes]
    slices: list[jax.Array] = []
    for offset in itertools.product(*map(range, window)):
        first = [o * d for o, d in zip(offset, params.dilation, strict=True)]
        last = [f + n + 1 for f, n in zip(first, distances, strict=True)]
        ends = (x.shape[0], *last, x.shape[-1])
        slices.append(lax.slice(x, (0, *first, 0), ends, strides))
    return slices


def scatter_windows(
    arrays: Sequence[jax.Array],
    value: Callable[..., jax.Array],
    window: Sequence[int],
    params: ConvParams,
    space: Sequence[int],
) -> jax.Array:
    """Add values at the elements of each window offset: `window_slices` transposed.

    An offset covers only elements whose positions have the same remainder modulo the
    stride. So there is one sum for each remainder, and no array is dilated with zeros.

    Args:
        arrays: arguments of `value`, (batch, *windows, channels) each.
        value: function of the index of an offset and the arrays.
        window: size of the window.
        params: strides, padding and dilation of the window.
        space: lengths of the result, without padding.
    """
    batch, *lengths, channels = arrays[0].shape
    axes = zip(window, params.dilation, params.padding, strict=True)
    offsets = [range(-before, k * d - before, d) for k, d, (before, _) in axes]
    steps_and_remainders = [
        [divmod(offset, stride) for offset in axis_offsets]
        for axis_offsets, stride in zip(offsets, params.strides, strict=True)
    ]
    counts = [-(-n // s) for n, s in zip(space, params.strides, strict=True)]
    lows = [max(0, pairs[-1][0]) for pairs in steps_and_remainders]
    highs = [
        max(0, n - pairs[0][0] - length)
        for n, pairs, length in zip(counts, steps_and_remainders, lengths, strict=True)
    ]
    arrays = [pad_once(a, list(zip(lows, highs, strict=True))) for a in arrays]
    zero = jnp.zeros((), arrays[0].dtype)
    sums = dict.fromkeys(np.ndindex(*params.strides), zero)
    for index, pairs in enumerate(itertools.product(*steps_and_remainders)):
        steps, remainders = zip(*pairs, strict=True)
        start = [low - step for low, step in zip(lows, steps, strict=True)]
        sums[remainders] += value(index, *(_block(a, start, counts) for a in arrays))
    # XLA compiles a stack into one fast loop, but not a concatenation of the channels.
    parts = [jnp.broadcast_to(v, (batch, *counts, channels)) for v in sums.values()]
    return interleave(jnp.stack(parts, -2), params.strides, space)


def _block(x: jax.Array, start: Sequence[int], lengths: Sequence[int]) -> jax.Array:
    ends = [s + n for s, n in zip(start, lengths, strict=True)]
    return lax.slice(x, (0, *start, 0), (x.shape[0], *ends, x.shape[-1]))


def interleave(
    parts: jax.Array, strides: Sequence[int], space: Sequence[int]
) -> jax.Array:
    """Interleave the phases of a strided array along its spatial axes.

    Args:
        parts: (batch, *counts, product of strides, channels): the elements of each
            phase, that is, of each remainder of the position modulo the strides.
        strides: number of phases along each axis.
        space: lengths of the result, which is cropped or zero-padded at the end.
    """
    rank = len(space)
    counts, channels = parts.shape[1:-2], parts.shape[-1]
    x = parts.reshape(*parts.shape[:-2], *strides, channels)
    order = [axis for i in range(rank) for axis in (1 + i, 1 + rank + i)]
    lengths = [n * s for n, s in zip(counts, strides, strict=True)]
    x = x.transpose(0, *order, 2 * rank + 1)
    x = x.reshape(parts.shape[0], *lengths, channels)
    ends = [(0, n - length, 0) for n, length in zip(space, lengths, strict=True)]
    return lax.pad(x, np.zeros((), x.dtype), [(0, 0, 0), *ends, (0, 0, 0)])
