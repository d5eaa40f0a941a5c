"""Pooling for CPUs, as arithmetic on shifted arrays instead of XLA's window loops."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from lamina.ops.kernels.cpu.window_slices import (
    padded,
    scatter_windows,
    upcast,
    window_slices,
)
from lamina.ops.kernels.table import kernel
from lamina.ops.nn.conv_params import ConvParams, interior, lowest

__all__ = ["maxima", "maxima_by_axis", "sums_by_axis"]

Window = tuple[int, ...]

# Every element of a window is code of its own: larger ones take long to compile.
_LONGEST = 16


def _is_small(x: jax.Array, window: Window, sliding: ConvParams) -> bool:
    """windows have few elements"""
    return math.prod(window) <= 9


def _is_short(x: jax.Array, window: Window, sliding: ConvParams) -> bool:
    """windows can be pooled along one axis after the other"""
    return max(window) <= _LONGEST


@kernel("max_pool", "cpu", when=_is_small)
def maxima(x: jax.Array, window: Window, sliding: ConvParams) -> jax.Array:
    """The maximum of each window, element by element."""
    return _maxima(x, window, sliding, x.shape[1:-1])


@kernel("max_pool", "cpu", when=_is_short)
def maxima_by_axis(x: jax.Array, window: Window, sliding: ConvParams) -> jax.Array:
    """Maxima along the last axis, then of these along the one before, and so on."""
    for part, moves in _axes(window, sliding):
        x = _maxima(x, part, moves, x.shape[1:-1])
    return x


def _is_float(x: jax.Array, window: Window, sliding: ConvParams) -> bool:
    return jnp.issubdtype(x.dtype, jnp.floating)


@kernel("average_pool", "cpu", when=_is_short, can=_is_float)
def sums_by_axis(x: jax.Array, window: Window, sliding: ConvParams) -> jax.Array:
    """Sums along one axis after the other, divided by the number of elements."""
    counts = interior(x.shape[1:-1], window, sliding)
    total = upcast(x)
    for part, moves in _axes(window, sliding):
        total = padded(total, moves.padding)
        total = functools.reduce(operator.add, window_slices(total, part, moves))
    return (total / counts.astype(total.dtype)).astype(x.dtype)


def _axes(window: Window, sliding: ConvParams) -> Iterator[tuple[Window, ConvParams]]:
    """The window as one along each axis, the last axis first."""
    ones, nothing = (1,) * len(window), ((0, 0),) * len(window)
    for i in reversed(range(len(window))):
        strides, padding = sliding.strides[i], sliding.padding[i]
        if max(window[i], strides) > 1:
            moves = ConvParams(
                (*ones[:i], strides, *ones[i + 1 :]),
                (*nothing[:i], padding, *nothing[i + 1 :]),
                ones,
            )
            yield (*ones[:i], window[i], *ones[i + 1 :]), moves


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def _maxima(
    x: jax.Array, window: Window, sliding: ConvParams, space: tuple[int, ...]
) -> jax.Array:
    return _first_maxima(x, window, sliding)[0]


def _first_maxima(
    x: jax.Array, window: Window, sliding: ConvParams
) -> tuple[jax.Array, jax.Array]:
    """The maximum of each window, and the place in it of the first that is so high."""
    x = padded(x, sliding.padding, lowest(x.dtype))
    best, *others = window_slices(x, window, sliding)
    number = np.min_scalar_type(len(others)).type
    place = jnp.zeros(best.shape, number)
    for i, other in enumerate(others, 1):
        place = jnp.where(other > best, number(i), place)
        best = jnp.maximum(best, other)
    return best, place


def _forward(
    x: jax.Array, window: Window, sliding: ConvParams, space: tuple[int, ...]
) -> tuple[jax.Array, jax.Array]:
    return _first_maxima(x, window, sliding)


def _backward(
    window: Window,
    sliding: ConvParams,
    space: tuple[int, ...],
    place: jax.Array,
    dy: jax.Array,
) -> tuple[jax.Array]:
    def value(i: int, dy: jax.Array, place: jax.Array) -> jax.Array:
        return jnp.where(place == i, dy, jnp.zeros((), dy.dtype))

    return (scatter_windows([dy, place], value, window, sliding, space),)


_maxima.defvjp(_forward, _backward)
