"""Arguments that convolution and pooling share: sizes, layouts and borders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina import config
from lamina.errors import invalid

__all__ = [
    "Sizes",
    "ConvParams",
    "padding_of",
    "from_channels_last",
    "interior",
    "layout",
    "lowest",
    "per_axis",
    "to_channels_last",
]

Sizes = int | Sequence[int]
Borders = tuple[tuple[int, int], ...]


class ConvParams(NamedTuple):
    """How a window moves over the spatial axes: one entry for each of them."""

    strides: tuple[int, ...]
    padding: Borders
    dilation: tuple[int, ...]
    groups: int = 1


def layout(rank: int) -> lax.ConvDimensionNumbers:
    """Channels last in inputs and results; (*window, in, out) in kernels."""
    space = range(rank)
    data = (0, rank + 1, *[i + 1 for i in space])
    return lax.ConvDimensionNumbers(data, (rank + 1, rank, *space), data)


def per_axis(owner: str, argument: str, value: Sizes, rank: int) -> tuple[int, ...]:
    """One positive integer for each spatial axis, from one for all or a list."""
    sizes = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(sizes) != rank or min(sizes) < 1:
        expected = f"a positive integer or {rank} of them"
        raise invalid(owner, argument, value, expected)
    return sizes


def padding_of(
    owner: str,
    padding: str,
    lengths: Sequence[int],
    windows: Sequence[int],
    strides: Sequence[int],
    causal: bool = False,
) -> Borders:
    """How much each spatial axis is padded, before and after.

    Args:
        owner: the function's name, for messages.
        padding: "valid" pads nothing; "same" so that there are `length / stride`
            windows, rounded up; "causal" so that none looks ahead.
        lengths: length of each axis.
        windows: extent of the window along each axis, dilation included.
        strides: step of the window along each axis.
        causal: whether "causal" is allowed.
    """
    kind = padding.lower()
    if kind == "valid":
        return ((0, 0),) * len(lengths)
    if kind == "causal" and causal:
        return tuple((window - 1, 0) for window in windows)
    if kind != "same":
        options = "'valid', 'same' or 'causal'" if causal else "'valid' or 'same'"
        raise invalid(owner, "padding", padding, options)
    pairs: list[tuple[int, int]] = []
    for length, window, stride in zip(lengths, windows, strides, strict=True):
        last = (-(-length // stride) - 1) * stride
        total = max(last + window - length, 0)
        pairs.append((total // 2, total - total // 2))
    return tuple(pairs)


def interior(
    lengths: Sequence[int], window: Sequence[int], sliding: ConvParams
) -> jax.Array:
    """How many elements of each window are no padding, with an axis for channels."""
    counts = jnp.ones((), int)
    axes = zip(lengths, window, sliding.strides, sliding.padding, strict=True)
    # Computed where it is used: a table of it can be too large to be kept.
    for length, size, stride, (before, after) in axes:
        count = (before + length + after - size) // stride + 1
        first = jnp.arange(count) * stride - before
        seen = jnp.minimum(first + size, length) - jnp.maximum(first, 0)
        counts = counts[..., None] * seen
    return counts[..., None]


def lowest(dtype: Any) -> np.ndarray:
    """What no number of a type is below."""
    floating = jnp.issubdtype(dtype, jnp.floating)
    return np.array(-np.inf if floating else jnp.iinfo(dtype).min, dtype)


def _is_last(owner: str, data_format: str | None) -> bool:
    layout = config.image_data_format() if data_format is None else data_format
    if layout not in ("channels_last", "channels_first"):
        expected = "'channels_last', 'channels_first' or None"
        raise invalid(owner, "data_format", data_format, expected)
    return layout == "channels_last"


def to_channels_last(owner: str, x: jax.Array, data_format: str | None) -> jax.Array:
    """x with its channels as the last axis."""
    return x if _is_last(owner, data_format) else jnp.moveaxis(x, 1, -1)


def from_channels_last(owner: str, x: jax.Array, data_format: str | None) -> jax.Array:
    """The inverse of `to_channels_last`."""
    return x if _is_last(owner, data_format) else jnp.moveaxis(x, -1, 1)
