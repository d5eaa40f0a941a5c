"""Layouts of images: one image or a batch, channels last or first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from lamina.errors import ShapeError
from lamina.ops.nn.conv_params import is_channels_last
from lamina.ops.types import Tensor, array_of, upcast
from lamina.typing import Array, ArrayLike, PartialShape


def images_of(owner: str, images: Tensor) -> Array:
    """Convert images to an array of 3 or 4 dimensions.

    Raises:
        ShapeError: the array has another number of dimensions.
    """
    x = array_of(images)
    check_rank(owner, x.shape)
    return x


def check_rank(owner: str, shape: PartialShape) -> None:
    """Raise a `ShapeError` unless a shape is that of one image or of a batch."""
    if len(shape) not in (3, 4):
        raise ShapeError(
            f"{owner}: the images must be 3D (one image) or 4D (a batch of images). "
            f"Received: shape {tuple(shape)}."
        )


def channels_axis(owner: str, data_format: str | None) -> int:
    """Return the axis of the channels, counted from the last one."""
    return -1 if is_channels_last(owner, data_format) else -3


def spatial_axes(owner: str, data_format: str | None) -> tuple[int, int]:
    """Return the axes of rows and columns, counted from the last one."""
    return (-3, -2) if is_channels_last(owner, data_format) else (-2, -1)


class Window(NamedTuple):
    """A part of an image: its first row and column, and its size."""

    top: int
    left: int
    height: int
    width: int


def center_window(height: int, width: int, new_height: int, new_width: int) -> Window:
    """Return the largest part in the center that has the aspect ratio of a new size."""
    rows = max(min(height, width * new_height // new_width), 1)
    columns = max(min(width, height * new_width // new_height), 1)
    return Window((height - rows) // 2, (width - columns) // 2, rows, columns)


def aspect_padding(
    height: int, width: int, new_height: int, new_width: int
) -> tuple[int, int]:
    """Return the rows and columns to add on each side for a new aspect ratio."""
    rows = max(width * new_height // new_width - height, 0) // 2
    columns = max(height * new_width // new_height - width, 0) // 2
    return rows, columns


def crop(images: Array, window: Window, axes: tuple[int, int]) -> Array:
    """Crop images along the two axes of rows and columns."""
    ends = window.top + window.height, window.left + window.width
    for axis, start, end in zip(axes, window[:2], ends, strict=True):
        images = lax.slice_in_dim(images, start, end, axis=axis)
    return images


def map_batch(
    owner: str,
    function: Callable[[Array], Array],
    images: Tensor,
    data_format: str | None,
) -> Array:
    """Apply a function of (batch, rows, columns, channels) to images of any layout.

    Args:
        owner: name of the op, for error messages.
        function: returns images of the same number of dimensions.
        images: one image or a batch.
        data_format: "channels_last", "channels_first" or None.
    """
    x = images_of(owner, images)
    channels = channels_axis(owner, data_format)
    batch = jnp.moveaxis(x if x.ndim == 4 else x[None], channels, -1)
    result = jnp.moveaxis(function(batch), -1, channels)
    return result if x.ndim == 4 else result[0]


def as_dtype_of(result: Array, images: Array) -> Array:
    """Cast a result to the type of the images; integers are rounded and clipped."""
    if not jnp.issubdtype(images.dtype, jnp.integer):
        return result.astype(images.dtype)
    limits = jnp.iinfo(images.dtype)
    return jnp.clip(jnp.round(result), limits.min, limits.max).astype(images.dtype)


def per_image(values: ArrayLike, like: Array | None = None) -> Array:
    """Return one value for each image, in a shape that broadcasts against images.

    Args:
        values: (batch,).
        like: images whose number of axes and type the result has.
    """
    rank = 4 if like is None else like.ndim
    column = jnp.asarray(values).reshape(-1, *[1] * (rank - 1))
    return column if like is None else column.astype(like.dtype)


def mean_pixel(images: Array, axes: Sequence[int]) -> Array:
    """Return the mean over the axes of rows and columns, which are kept.

    The sum over one axis after the other takes a fifth of the time of XLA's sum over
    both: on CPUs, that one is not vectorized if there are few channels.
    """
    rows, columns = axes
    means = upcast(images).mean(rows, keepdims=True)
    means = lax.optimization_barrier(means).mean(columns, keepdims=True)
    return means.astype(images.dtype)


def repeat_for_columns(values: Array, images: Array, axes: Sequence[int]) -> Array:
    """Repeat values of length 1 along the axes of rows and columns for each column.

    What is computed from images and the result has the gradient of the values as a sum
    over one axis after the other, which is as fast as in `mean_pixel`.
    """
    rows, _ = axes
    shape = [*np.broadcast_shapes(values.shape, images.shape)]
    shape[rows] = 1
    return lax.optimization_barrier(jnp.broadcast_to(values, shape))
