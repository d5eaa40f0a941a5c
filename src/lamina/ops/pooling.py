"""Maxima and means of windows."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina.core.graph import op
from lamina.errors import ShapeError
from lamina.ops.types import Tensor, array_of
from lamina.ops.windows import (
    Sizes,
    borders,
    from_channels_last,
    per_axis,
    to_channels_last,
)

__all__ = ["average_pool", "max_pool"]


class _Windows:
    """Windows over the spatial axes of an array whose channels are last."""

    def __init__(
        self, owner: str, x: jax.Array, pool_size: Sizes, strides: Any, padding: str
    ) -> None:
        rank = x.ndim - 2
        size = per_axis(owner, "pool_size", pool_size, rank)
        steps = size if strides is None else per_axis(owner, "strides", strides, rank)
        pads = borders(owner, padding, x.shape[1:-1], size, steps)
        if padding.lower() == "valid" and any(
            n < k for n, k in zip(x.shape[1:-1], size, strict=True)
        ):
            raise ShapeError(
                f"{owner}: a window of {size} does not fit into an input of "
                f"{x.shape[1:-1]}. Use a smaller `pool_size` or padding='same'."
            )
        self.size, self.steps = (1, *size, 1), (1, *steps, 1)
        self.pads = [(0, 0), *pads, (0, 0)]

    def reduce(self, x: jax.Array, function: Any, initial: Any) -> jax.Array:
        return lax.reduce_window(x, initial, function, self.size, self.steps, self.pads)


@op
def max_pool(
    inputs: Tensor,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> jax.Array:
    """The maximum of each window.

    Args:
        inputs: (batch, *space, channels), or (batch, channels, *space).
        pool_size: size of the window, one for each axis or for all.
        strides: step of the window; `None` for its size.
        padding: "valid" leaves out windows that would overhang, "same" keeps them.
        data_format: "channels_last" or "channels_first"; `None` for the default.

    Example:
        >>> max_pool([[[1.0], [5.0], [2.0], [3.0]]], pool_size=2).ravel().tolist()
        [5.0, 3.0]
    """
    x = to_channels_last("max_pool", array_of(inputs), data_format)
    windows = _Windows("max_pool", x, pool_size, strides, padding)
    floating = jnp.issubdtype(x.dtype, jnp.floating)
    lowest = -np.inf if floating else jnp.iinfo(x.dtype).min
    y = windows.reduce(x, lax.max, np.array(lowest, x.dtype))
    return from_channels_last("max_pool", y, data_format)


@op
def average_pool(
    inputs: Tensor,
    pool_size: Sizes,
    strides: Sizes | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> jax.Array:
    """The mean of each window, of what lies inside the input.

    Args:
        inputs: (batch, *space, channels), or (batch, channels, *space).
        pool_size: size of the window, one for each axis or for all.
        strides: step of the window; `None` for its size.
        padding: "valid" leaves out windows that would overhang, "same" keeps them.
        data_format: "channels_last" or "channels_first"; `None` for the default.

    Example:
        >>> average_pool([[[1.0], [5.0], [2.0]]], 2, padding="same").ravel().tolist()
        [3.0, 2.0]
    """
    x = to_channels_last("average_pool", array_of(inputs), data_format)
    windows = _Windows("average_pool", x, pool_size, strides, padding)
    total = windows.reduce(x, lax.add, np.zeros((), x.dtype))
    if padding.lower() == "valid":
        count = math.prod(windows.size)
    else:
        inside = jnp.ones((1, *x.shape[1:-1], 1), x.dtype)
        count = windows.reduce(inside, lax.add, np.zeros((), x.dtype))
    return from_channels_last("average_pool", total / count, data_format)
