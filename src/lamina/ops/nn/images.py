"""Image ops: windows as columns, blocks as channels, and signal-to-noise ratio."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp

from lamina.core.check import check_arguments, integer, one_of, sizes
from lamina.core.graph import op
from lamina.errors import ShapeError
from lamina.ops.nn.conv_params import from_channels_last, to_channels_last
from lamina.ops.types import Tensor, array_of, check_same_shape, float_array
from lamina.typing import Array

__all__ = ["depth_to_space", "fold", "psnr", "space_to_depth", "unfold"]

Pair = int | Sequence[int]

_BLOCKS = {
    "block_size": integer(2, 2**15),
    "data_format": one_of("channels_last", "channels_first"),
}
_WINDOWS = {
    "kernel_size": sizes(2),
    "dilation": sizes(2),
    "padding": sizes(2, zero=True),
    "stride": sizes(2),
    "output_size": sizes(2),
}


@op
def depth_to_space(
    x: Tensor, block_size: int, data_format: str = "channels_last"
) -> Array:
    """Rearrange channels into blocks of pixels (pixel shuffle).

    Args:
        x: (batch, rows, columns, block_size**2 * channels), or with the channels
            second.
        block_size: rows and columns of a block, at least 2.
        data_format: "channels_last" or "channels_first".

    Returns:
        (batch, rows * block_size, columns * block_size, channels), or with the channels
        second.

    Example:
        >>> depth_to_space([[[[1, 2, 3, 4]]]], 2)[0, :, :, 0].tolist()
        [[1, 2], [3, 4]]

    Reference: Shi et al. 2016, https://arxiv.org/abs/1609.05158
    """
    x = _image("depth_to_space", x, block_size, data_format)
    n, rows, columns, channels = x.shape
    _check_divides("depth_to_space", block_size**2, "channels", channels)
    block = (block_size, block_size)
    if data_format == "channels_last":
        x = x.reshape(n, rows, columns, *block, -1).transpose(0, 1, 3, 2, 4, 5)
    else:  # the channels of the result come first
        x = x.reshape(n, rows, columns, -1, *block).transpose(0, 1, 4, 2, 5, 3)
    x = x.reshape(n, rows * block_size, columns * block_size, -1)
    return from_channels_last("depth_to_space", x, data_format)


@op
def space_to_depth(
    x: Tensor, block_size: int, data_format: str = "channels_last"
) -> Array:
    """Rearrange blocks of pixels into channels: the inverse of `depth_to_space`.

    Args:
        x: (batch, rows, columns, channels), or with the channels second.
        block_size: rows and columns of a block, a divisor of those of x.
        data_format: "channels_last" or "channels_first".

    Example:
        >>> space_to_depth(jnp.ones((1, 4, 4, 3)), block_size=2).shape
        (1, 2, 2, 12)
    """
    x = _image("space_to_depth", x, block_size, data_format)
    n, rows, columns, channels = x.shape
    _check_divides("space_to_depth", block_size, "rows", rows)
    _check_divides("space_to_depth", block_size, "columns", columns)
    rows, columns = rows // block_size, columns // block_size
    x = x.reshape(n, rows, block_size, columns, block_size, channels)
    order = (0, 1, 3, 2, 4, 5) if data_format == "channels_last" else (0, 1, 3, 5, 2, 4)
    x = x.transpose(order).reshape(n, rows, columns, -1)
    return from_channels_last("space_to_depth", x, data_format)


@op(static=["kernel_size", "dilation", "padding", "stride"])
def unfold(
    x: Tensor,
    kernel_size: Pair,
    dilation: Pair = 1,
    padding: Pair = 0,
    stride: Pair = 1,
) -> Array:
    """Extract each window of images as a column (im2col).

    Args:
        x: (batch, channels, rows, columns).
        kernel_size: rows and columns of a window.
        dilation: distance between its elements.
        padding: zeros on each side.
        stride: distance between windows.

    Returns:
        (batch, channels * window elements, windows).

    Example:
        >>> unfold(jnp.ones((1, 2, 4, 4)), 2, stride=2).shape
        (1, 8, 4)
    """
    x = _array_4d("unfold", x)
    kernel, steps, edges, strides = _pairs(
        "unfold", kernel_size, dilation, padding, stride
    )
    x = jnp.pad(x, [(0, 0), (0, 0), *((n, n) for n in edges)])
    rows, columns = _window_positions(x.shape[2:], kernel, steps, strides)
    windows = x[:, :, rows, columns]
    return windows.reshape(x.shape[0], x.shape[1] * kernel[0] * kernel[1], -1)


@op(static=["output_size", "kernel_size", "dilation", "padding", "stride"])
def fold(
    x: Tensor,
    output_size: Pair,
    kernel_size: Pair,
    dilation: Pair = 1,
    padding: Pair = 0,
    stride: Pair = 1,
) -> Array:
    """Sum windows at their positions in images (col2im); the transpose of `unfold`.

    Args:
        x: (batch, channels * window elements, windows).
        output_size: rows and columns of the images.
        kernel_size: rows and columns of a window.
        dilation: distance between its elements.
        padding: zeros that `unfold` added on each side.
        stride: distance between windows.

    Returns:
        (batch, channels, rows, columns).

    Example:
        >>> fold(jnp.ones((1, 4, 4)), output_size=4, kernel_size=2, stride=2).shape
        (1, 1, 4, 4)
    """
    x = array_of(x)
    kernel, steps, edges, strides, size = _pairs(
        "fold", kernel_size, dilation, padding, stride, output_size
    )
    padded = [n + 2 * edge for n, edge in zip(size, edges, strict=True)]
    rows, columns = _window_positions(padded, kernel, steps, strides)
    positions = jnp.broadcast_shapes(rows.shape, columns.shape)
    elements, windows = kernel[0] * kernel[1], positions[2] * positions[3]
    if x.ndim != 3 or x.shape[1] % elements or x.shape[2] != windows:
        raise ShapeError(
            "fold: the input must be 3D, (batch, channels * "
            f"{elements}, {windows}). Received: shape {x.shape}."
        )
    batch, channels = x.shape[0], x.shape[1] // elements
    images = jnp.zeros((batch, channels, *padded), x.dtype)
    images = images.at[:, :, rows, columns].add(x.reshape(batch, channels, *positions))
    top, left = edges
    return images[:, :, top : top + size[0], left : left + size[1]]


@op
def psnr(x1: Tensor, x2: Tensor, max_val: float) -> Array:
    """Compute the peak signal-to-noise ratio, 10 * log10(max_val**2 / MSE).

    Args:
        x1: a signal.
        x2: a signal of the same shape.
        max_val: the largest value that a signal can have.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> float(psnr([0.0, 1.0], [0.0, 0.9], max_val=1.0))
        23.01029...
    """
    x1, x2 = float_array(x1), float_array(x2)
    check_same_shape("psnr", x1.shape, x2.shape)
    error = jnp.mean(jnp.square(x1 - x2))
    peak = jnp.asarray(max_val, error.dtype)
    return 20 * jnp.log10(peak) - 10 * jnp.log10(error)


def _image(function: str, x: Tensor, block_size: int, data_format: str) -> Array:
    given = {"block_size": block_size, "data_format": data_format}
    check_arguments(function, _BLOCKS, given)
    return to_channels_last(function, _array_4d(function, x), data_format)


def _array_4d(function: str, x: Tensor) -> Array:
    x = array_of(x)
    if x.ndim != 4:
        raise ShapeError(
            f"{function}: the input must be 4D. Received: shape {x.shape}."
        )
    return x


def _check_divides(function: str, divisor: int, what: str, count: int) -> None:
    if count % divisor:
        raise ShapeError(
            f"{function}: the number of {what} must be a multiple of {divisor}. "
            f"Received: {count}."
        )


def _pairs(function: str, *values: Pair) -> list[tuple[int, int]]:
    """Return a pair for each argument, in the order of `_WINDOWS`."""
    check_arguments(function, _WINDOWS, dict(zip(_WINDOWS, values, strict=False)))
    pairs = ((v, v) if isinstance(v, int) else v for v in values)
    return [(int(a), int(b)) for a, b in pairs]


def _window_positions(
    size: Sequence[int],
    kernel: Sequence[int],
    dilation: Sequence[int],
    stride: Sequence[int],
) -> tuple[Array, Array]:
    """Return the row and column indices of window elements.

    Both broadcast to (window rows, window columns, positions down, positions right).
    """
    axes: list[Array] = []
    for n, width, rate, step in zip(size, kernel, dilation, stride, strict=True):
        starts = jnp.arange(0, n - rate * (width - 1), step)
        axes.append(rate * jnp.arange(width)[:, None] + starts)
    rows, columns = axes
    return rows[:, None, :, None], columns[None, :, None, :]
