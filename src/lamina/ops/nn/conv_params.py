"""Arguments that convolution and pooling share: sizes, layouts and padding."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina import config
from lamina.core.check import is_int
from lamina.errors import ShapeError, invalid
from lamina.typing import Array

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
    given: Any = value
    sizes = tuple(given) if np.ndim(given) else (given,) * rank
    if len(sizes) != rank or not all(is_int(n) and n > 0 for n in sizes):
        expected = f"a positive integer or {rank} of them"
        raise invalid(owner, argument, value, expected)
    return tuple(int(n) for n in sizes)


def window_params(
    owner: str,
    lengths: Sequence[int],
    window: Sequence[int],
    strides: Sizes,
    padding: str,
    dilation_rate: Sizes | None = None,
) -> ConvParams:
    """Return the parameters of a window that slides over an input.

    Args:
        owner: name of the function, for error messages.
        lengths: length of each spatial axis.
        window: size of the window along each axis.
        strides: stride of the window.
        padding: "valid" pads nothing; "same" pads for `length / stride` windows,
            rounded up; "causal" pads so that no window covers later elements.
        dilation_rate: distance between the window's elements; `None` for pooling,
            which has no padding "causal".

    Raises:
        ShapeError: the window is larger than the padded input.
    """
    rank, is_pooling = len(window), dilation_rate is None
    steps = per_axis(owner, "strides", strides, rank)
    rates = 1 if dilation_rate is None else dilation_rate
    dilation = per_axis(owner, "dilation_rate", rates, rank)
    extent = tuple((k - 1) * d + 1 for k, d in zip(window, dilation, strict=True))
    kind = check_padding(owner, padding, causal=rank == 1 and not is_pooling)
    pads = tuple(
        _padding_of_axis(kind, *sizes)
        for sizes in zip(lengths, extent, steps, strict=True)
    )
    for length, size, (before, after) in zip(lengths, extent, pads, strict=True):
        if length + before + after < size:
            raise ShapeError(
                f"{owner}: a window of {extent} does not fit into an input of "
                f"{tuple(lengths)} with padding={padding!r}. Use a smaller window or "
                "padding='same'."
            )
    return ConvParams(steps, pads, dilation)


def check_padding(owner: str, padding: str, causal: bool = False) -> str:
    """Return a kind of padding in lower case, if it is allowed."""
    kinds = ["valid", "same"] + ["causal"] * causal
    kind = str(padding).lower()
    if kind not in kinds:
        expected = "one of " + ", ".join(map(repr, kinds))
        raise invalid(owner, "padding", padding, expected)
    return kind


def _padding_of_axis(
    kind: str, length: int, extent: int, stride: int
) -> tuple[int, int]:
    if kind == "valid":
        return 0, 0
    if kind == "causal":
        return extent - 1, 0
    last = (-(-length // stride) - 1) * stride
    total = max(last + extent - length, 0)
    return total // 2, total - total // 2


@functools.partial(jax.jit, static_argnums=(0, 1, 2), inline=True)
def count_interior(
    lengths: tuple[int, ...], window: tuple[int, ...], params: ConvParams
) -> Array:
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


def is_channels_last(owner: str, data_format: str | None) -> bool:
    """Return whether the channels are last, by default in the configured layout."""
    layout = config.image_data_format() if data_format is None else data_format
    if layout not in ("channels_last", "channels_first"):
        expected = "'channels_last', 'channels_first' or None"
        raise invalid(owner, "data_format", data_format, expected)
    return layout == "channels_last"


def to_channels_last(owner: str, x: Array, data_format: str | None) -> Array:
    """Move the channels of x to the last axis."""
    return x if is_channels_last(owner, data_format) else jnp.moveaxis(x, 1, -1)


def from_channels_last(owner: str, x: Array, data_format: str | None) -> Array:
    """Move the channels of x back: the inverse of `to_channels_last`."""
    return x if is_channels_last(owner, data_format) else jnp.moveaxis(x, -1, 1)
