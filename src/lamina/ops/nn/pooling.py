"""Max and average pooling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina.core.graph import op
from lamina.ops.kernels import dispatch, register_reference
from lamina.ops.kernels.calls import PoolCall
from lamina.ops.nn.conv_params import (
    ConvParams,
    Sizes,
    count_interior,
    from_channels_last,
    lowest,
    per_axis,
    to_channels_last,
    window_params,
)
from lamina.ops.types import Tensor, array_of, float_array
from lamina.typing import Array

__all__ = ["adaptive_average_pool", "adaptive_max_pool", "average_pool", "max_pool"]


def _reduce_windows(
    x: Array,
    function: Callable[..., Any],
    initial: np.ndarray,
    window: tuple[int, ...],
    params: ConvParams,
) -> Array:
    padding = [(0, 0), *params.padding, (0, 0)]
    strides = (1, *params.strides, 1)
    return lax.reduce_window(x, initial, function, (1, *window, 1), strides, padding)


@register_reference("max_pool")
def reference_max(call: PoolCall) -> Array:
    """Compute maxima; the first of equal elements gets the gradient."""
    x, window, params = call
    return _reduce_windows(x, lax.max, lowest(x.dtype), window, params)


@register_reference("average_pool")
def reference_average(call: PoolCall) -> Array:
    """Compute means over the elements of each window that are not padding."""
    x, window, params = call
    total = _reduce_windows(x, lax.add, np.zeros((), x.dtype), window, params)
    return total / count_interior(x.shape[1:-1], window, params).astype(x.dtype)


def _pool(
    owner: str,
    inputs: Tensor,
    pool_size: Sizes,
    strides: Sizes | None,
    padding: str,
    data_format: str | None,
) -> Array:
    x = to_channels_last(owner, array_of(inputs), data_format)
    window = per_axis(owner, "pool_size", pool_size, x.ndim - 2)
    steps = window if strides is None else strides
    params = window_params(owner, x.shape[1:-1], window, steps, padding)
    y = dispatch(owner, PoolCall(x, window, params))
    return from_channels_last(owner, y, data_format)


@op(static=["pool_size", "strides"])
def max_pool(
    inputs: Tensor,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """Compute the maximum of each window.

    Args:
        inputs: (batch, *space, channels), or (batch, channels, *space).
        pool_size: size of the window, one for each axis or for all.
        strides: stride of the window; `None` for its size.
        padding: "valid" for windows inside the input only, "same" to pad the input.
        data_format: "channels_last" or "channels_first"; `None` for the default.

    Example:
        >>> max_pool([[[1.0], [5.0], [2.0], [3.0]]], pool_size=2).ravel().tolist()
        [5.0, 3.0]
    """
    return _pool("max_pool", inputs, pool_size, strides, padding, data_format)


@op(static=["pool_size", "strides"])
def average_pool(
    inputs: Tensor,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """Compute the mean of each window, without padding.

    Args:
        inputs: (batch, *space, channels), or (batch, channels, *space).
        pool_size: size of the window, one for each axis or for all.
        strides: stride of the window; `None` for its size.
        padding: "valid" for windows inside the input only, "same" to pad the input.
        data_format: "channels_last" or "channels_first"; `None` for the default.

    Example:
        >>> average_pool([[[1.0], [5.0], [2.0]]], 2, padding="same").ravel().tolist()
        [3.0, 2.0]
    """
    return _pool("average_pool", inputs, pool_size, strides, padding, data_format)


@op(static=["output_size"])
def adaptive_average_pool(
    inputs: Tensor, output_size: Sizes, data_format: str | None = None
) -> Array:
    """Compute the means of a given number of windows that cover the input.

    Of `n` windows over `length` elements, window i spans
    `floor(i * length / n)` to `ceil((i + 1) * length / n)`.

    Args:
        inputs: (batch, *space, channels), or (batch, channels, *space).
        output_size: number of windows, one for each axis or for all.
        data_format: "channels_last" or "channels_first"; `None` for the default.

    Example:
        >>> adaptive_average_pool([[[1.0], [2.0], [6.0]]], 2).ravel().tolist()
        [1.5, 4.0]
    """
    x = to_channels_last("adaptive_average_pool", float_array(inputs), data_format)
    counts = per_axis("adaptive_average_pool", "output_size", output_size, x.ndim - 2)
    for axis, count in enumerate(counts, start=1):
        if x.shape[axis] % count == 0:
            # Windows that do not overlap: gathering them takes three times as long.
            before, after = x.shape[:axis], x.shape[axis + 1 :]
            x = x.reshape(*before, count, -1, *after).mean(axis + 1)
            continue
        indices, valid = _cover(x.shape[axis], count)
        weights = (valid / valid.sum(1, keepdims=True)).astype(x.dtype)
        windows = jnp.moveaxis(jnp.take(x, indices, axis), (axis, axis + 1), (-2, -1))
        x = jnp.moveaxis(jnp.sum(windows * weights, -1), -1, axis)
    return from_channels_last("adaptive_average_pool", x, data_format)


@op(static=["output_size"])
def adaptive_max_pool(
    inputs: Tensor, output_size: Sizes, data_format: str | None = None
) -> Array:
    """Compute the maxima of a given number of windows that cover the input.

    Windows and arguments are those of `adaptive_average_pool`.

    Example:
        >>> adaptive_max_pool([[[1.0], [2.0], [6.0]]], 2).ravel().tolist()
        [2.0, 6.0]
    """
    x = to_channels_last("adaptive_max_pool", array_of(inputs), data_format)
    counts = per_axis("adaptive_max_pool", "output_size", output_size, x.ndim - 2)
    for axis, count in enumerate(counts, start=1):
        indices, _ = _cover(x.shape[axis], count)
        x = jnp.max(jnp.take(x, indices, axis), axis + 1)
    return from_channels_last("adaptive_max_pool", x, data_format)


def _cover(length: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of each window, padded by repeats, and the valid ones."""
    starts = np.arange(count) * length // count
    ends = -(-(np.arange(count) + 1) * length // count)
    indices = starts[:, None] + np.arange((ends - starts).max())
    return np.minimum(indices, ends[:, None] - 1), indices < ends[:, None]
