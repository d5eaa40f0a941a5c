"""Arguments that convolution and pooling share: sizes, layouts and padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina import config
from lamina.errors import invalid

Sizes = int | Sequence[int]
Padding = tuple[tuple[int, int], ...]


class ConvParams(NamedTuple):
    """Strides, padding and dilation of a window, one entry for each spatial axis."""

    strides: tuple[int, ...]
    padding: Padding
    dilation: tuple[int, ...]
    groups: int = 1


def layout(rank: int) -> lax.ConvDimensionNumbers:
    """Return the layout: channels last, and (*window, in, out) for kernels."""
    space = range(rank)
    data = (0, rank + 1, *[i + 1 for i in space])
    return lax.ConvDimensionNumbers(data, (rank + 1, rank, *space), data)


def per_axis(owner: str, argument: str, value: Sizes, rank: int) -> tuple[int, ...]:
    """Return a positive integer for each spatial axis, from one or a sequence."""
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
) -> Padding:
    """Return the padding before and after each spatial axis.

    Args:
        owner: name of the function, for error messages.
        padding: "valid" pads nothing; "same" pads for `length / stride` windows,
            rounded up; "causal" pads so that no window covers later elements.
        lengths: length of each axis.
        windows: extent of the window along each axis, dilation included.
        strides: stride of the window along each axis.
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


def count_interior(
    lengths: Sequence[int], window: Sequence[int], params: ConvParams
) -> jax.Array:
    """Count the elements of each window that are not padding, (*windows, 1)."""
    counts = jnp.ones((), int)
    axes = zip(lengths, window, params.strides, params.padding, strict=True)
    # Computed on the device: as a constant it can be too large for the program.
    for length, size, stride, (before, after) in axes:
        count = (before + length + after - size) // stride + 1
        first = jnp.arange(count) * stride - before
        inside = jnp.minimum(first + size, length) - jnp.maximum(first, 0)
        counts = counts[..., None] * inside
    return counts[..., None]


def lowest(dtype: np.dtype[Any]) -> np.ndarray:
    """Return the smallest value of a type."""
    floating = jnp.issubdtype(dtype, jnp.floating)
    return np.array(-np.inf if floating else jnp.iinfo(dtype).min, dtype)


def _is_channels_last(owner: str, data_format: str | None) -> bool:
    layout = config.image_data_format() if data_format is None else data_format
    if layout not in ("channels_last", "channels_first"):
        expected = "'channels_last', 'channels_first' or None"
        raise invalid(owner, "data_format", data_format, expected)
    return layout == "channels_last"


def to_channels_last(owner: str, x: jax.Array, data_format: str | None) -> jax.Array:
    """Move the channels of x to the last axis."""
    return x if _is_channels_last(owner, data_format) else jnp.moveaxis(x, 1, -1)


def from_channels_last(owner: str, x: jax.Array, data_format: str | None) -> jax.Array:
    """Move the channels of x back: the inverse of `to_channels_last`."""
    return x if _is_channels_last(owner, data_format) else jnp.moveaxis(x, -1, 1)
