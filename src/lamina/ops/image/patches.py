"""Patches of images and volumes."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from lamina.core.check import check_arguments, sizes
from lamina.core.graph import op
from lamina.errors import ArgumentTypeError, ShapeError
from lamina.ops.nn.conv_params import is_channels_last, window_params
from lamina.ops.types import Tensor, array_of
from lamina.typing import Array

__all__ = ["extract_patches", "extract_patches_3d"]

_STATIC = ["size", "strides", "dilation_rate"]


@op(static=_STATIC)
def extract_patches(
    images: Tensor,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """Extract patches of images, or of volumes if `size` has three numbers.

    Args:
        images: (batch, rows, columns, channels), or without the batch, or with the
            channels before the rows.
        size: rows and columns of a patch.
        strides: distance between patches; None for `size`, so that they do not overlap.
        dilation_rate: distance between the pixels of a patch.
        padding: "valid" for patches within the images, "same" to pad with zeros for
            one patch at each stride.
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.

    Returns:
        (batch, patches down, patches across, pixels of a patch * channels), or with the
        last axis second.

    Raises:
        ShapeError: the images have another rank, or a patch is larger than they are.
        ArgumentTypeError: `size` is neither an integer nor a tuple.
        ArgumentError: another argument has no valid value.

    Example:
        >>> extract_patches(jnp.ones((2, 20, 20, 3)), (5, 5)).shape
        (2, 4, 4, 75)
    """
    rank = 3 if isinstance(size, (tuple, list)) and len(size) == 3 else 2
    return _patches(
        "extract_patches",
        rank,
        images,
        data_format,
        size=size,
        strides=strides,
        dilation_rate=dilation_rate,
        padding=padding,
    )


@op(static=_STATIC)
def extract_patches_3d(
    volumes: Tensor,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """Extract patches of volumes.

    Args:
        volumes: (batch, depth, rows, columns, channels), or without the batch, or with
            the channels before the depth.
        size: depth, rows and columns of a patch.
        strides: as in `extract_patches`.
        dilation_rate: distance between the voxels of a patch.
        padding: "valid" or "same".
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.

    Returns:
        (batch, three numbers of patches, voxels of a patch * channels), or with the
        last axis second.

    Raises:
        ShapeError: the volumes have another rank, or a patch is larger than they are.
        ArgumentError: another argument has no valid value.

    Example:
        >>> extract_patches_3d(jnp.ones((8, 8, 8, 3)), 4).shape
        (2, 2, 2, 192)
    """
    return _patches(
        "extract_patches_3d",
        3,
        volumes,
        data_format,
        size=size,
        strides=strides,
        dilation_rate=dilation_rate,
        padding=padding,
    )


def _patches(
    owner: str,
    rank: int,
    images: Tensor,
    data_format: str | None,
    *,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None,
    dilation_rate: int | Sequence[int],
    padding: str,
) -> Array:
    if not isinstance(size, (int, tuple, list)):
        raise ArgumentTypeError(
            f"{owner}: `size` must be an integer or a tuple. Received: "
            f"{type(size).__name__}."
        )
    check_arguments(owner, {"size": sizes(rank)}, {"size": size})
    window = (size,) * rank if isinstance(size, int) else tuple(size)
    x = array_of(images)
    if x.ndim not in (rank + 1, rank + 2):
        raise ShapeError(
            f"{owner}: the images must be {rank + 1}D, or {rank + 2}D with a batch. "
            f"Received: shape {x.shape}."
        )
    channels = -1 if is_channels_last(owner, data_format) else -1 - rank
    batch = jnp.moveaxis(x if x.ndim == rank + 2 else x[None], channels, -1)
    steps = window if strides is None else strides
    params = window_params(
        owner, batch.shape[1:-1], window, steps, padding, dilation_rate
    )
    batch = jnp.pad(batch, [(0, 0), *params.padding, (0, 0)])
    # From the last axis on, an axis of n pixels becomes one of patches and one of
    # their pixels.
    spans = zip(window, params.strides, params.dilation, strict=True)
    for axis, (width, stride, rate) in reversed(list(enumerate(spans, 1))):
        last = batch.shape[axis] - rate * (width - 1)
        index = np.arange(0, last, stride)[:, None] + rate * np.arange(width)
        batch = batch.at[(slice(None),) * axis + (index,)].get(mode="promise_in_bounds")
    order = [0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1]
    batch = batch.transpose(order)
    batch = batch.reshape(*batch.shape[: rank + 1], -1)
    result = jnp.moveaxis(batch, -1, channels)
    return result if x.ndim == rank + 2 else result[0]
