"""Pooling kernels for CPUs: arithmetic on shifted arrays, not XLA's window loops."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.ops.kernels.calls import PoolCall
from lamina.ops.kernels.cpu.window_slices import (
    pad_once,
    scatter_windows,
    upcast,
    window_slices,
)
from lamina.ops.kernels.table import register_kernel
from lamina.ops.nn.conv_params import ConvParams, count_interior, lowest

Window = tuple[int, ...]

# Window offsets are unrolled, so their number bounds compile time.
_MAX_UNROLLED = 16
_BY_AXIS = "Pooling along one axis after the other visits fewer elements."


def _is_small(call: PoolCall) -> bool:
    return math.prod(call.window) <= 9


def _is_short(call: PoolCall) -> bool:
    return max(call.window) <= _MAX_UNROLLED


@register_kernel("max_pool", "cpu", "The windows have few elements.", when=_is_small)
def maxima(call: PoolCall) -> jax.Array:
    """Compute the maximum of each window over its elements."""
    return _maxima(*call, call.x.shape[1:-1])


@register_kernel("max_pool", "cpu", _BY_AXIS, when=_is_short)
def maxima_by_axis(call: PoolCall) -> jax.Array:
    """Compute maxima along the last axis, then along the one before, and so on."""
    y: Any = call.x
    for size, axis_params in _split_axes(call.window, call.params):
        y = _maxima(y, size, axis_params, y.shape[1:-1])
    return y


def _is_float(call: PoolCall) -> bool:
    return jnp.issubdtype(call.x.dtype, jnp.floating)


@register_kernel("average_pool", "cpu", _BY_AXIS, when=_is_short, supports=_is_float)
def sums_by_axis(call: PoolCall) -> jax.Array:
    """Sum along one axis after the other, and divide by the number of elements."""
    x, window, params = call
    counts = count_interior(x.shape[1:-1], window, params)
    total = upcast(x)
    for size, axis_params in _split_axes(window, params):
        total = _sums(pad_once(total, axis_params.padding), size, axis_params)
    return (total / counts.astype(total.dtype)).astype(x.dtype)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _sums(x: jax.Array, window: Window, params: ConvParams) -> jax.Array:
    """Sum the elements of each window along one axis."""
    return functools.reduce(operator.add, window_slices(x, window, params))


@_sums.defjvp
def _sums_jvp(
    window: Window,
    params: ConvParams,
    primals: tuple[jax.Array],
    tangents: tuple[jax.Array],
) -> tuple[Any, jax.Array]:
    (dx,) = tangents
    if params.strides != window:
        dy = functools.reduce(operator.add, window_slices(dx, window, params))
    else:
        # Windows do not overlap, and the gradient of a sum over an axis repeats that of
        # the result. The gradient of slices pads each: twice the time of a 2D pooling.
        axis, size = next((i, size) for i, size in enumerate(window, 1) if size > 1)
        count = dx.shape[axis] // size
        dx = jax.lax.slice_in_dim(dx, 0, count * size, axis=axis)
        shape = *dx.shape[:axis], count, size, *dx.shape[axis + 1 :]
        dy = dx.reshape(shape).sum(axis + 1)
    return _sums(*primals, window, params), dy


def _split_axes(
    window: Window, params: ConvParams
) -> Iterator[tuple[Window, ConvParams]]:
    """Split a window into windows along one axis each, the last axis first."""
    ones, unpadded = (1,) * len(window), ((0, 0),) * len(window)
    for i in reversed(range(len(window))):
        strides, padding = params.strides[i], params.padding[i]
        if max(window[i], strides) > 1:
            axis_params = ConvParams(
                (*ones[:i], strides, *ones[i + 1 :]),
                (*unpadded[:i], padding, *unpadded[i + 1 :]),
                ones,
            )
            yield (*ones[:i], window[i], *ones[i + 1 :]), axis_params


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def _maxima(
    x: jax.Array, window: Window, params: ConvParams, space: tuple[int, ...]
) -> jax.Array:
    return _first_maxima(x, window, params)[0]


def _first_maxima(
    x: jax.Array, window: Window, params: ConvParams
) -> tuple[jax.Array, jax.Array]:
    """Return the maximum of each window, and the offset of its first occurrence."""
    x = pad_once(x, params.padding, lowest(x.dtype))
    maxima, *others = window_slices(x, window, params)
    integer = np.min_scalar_type(len(others)).type
    offsets = jnp.zeros(maxima.shape, integer)
    for i, other in enumerate(others, 1):
        offsets = jnp.where(other > maxima, integer(i), offsets)
        maxima = jnp.maximum(maxima, other)
    return maxima, offsets


def _forward(
    x: jax.Array, window: Window, params: ConvParams, space: tuple[int, ...]
) -> tuple[jax.Array, jax.Array]:
    return _first_maxima(x, window, params)


def _backward(
    window: Window,
    params: ConvParams,
    space: tuple[int, ...],
    offsets: jax.Array,
    dy: jax.Array,
) -> tuple[jax.Array]:
    def gradient(i: int, dy: jax.Array, offsets: jax.Array) -> jax.Array:
        return jnp.where(offsets == i, dy, jnp.zeros((), dy.dtype))

    return (scatter_windows([dy, offsets], gradient, window, params, space),)


_maxima.defvjp(_forward, _backward)
