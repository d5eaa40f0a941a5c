"""Crops and zero padding of images, by amounts or by the size of the result."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax.numpy as jnp
from jax import lax

from lamina.core.check import is_int
from lamina.core.graph import SymbolicTensor, record
from lamina.errors import ArgumentError, invalid
from lamina.ops.image.layout import check_rank, images_of, spatial_axes
from lamina.ops.types import Tensor
from lamina.typing import Array, PartialShape

__all__ = ["crop_images", "pad_images"]

# Pixels to add or remove before and after an axis, and its length in the result: two of
# them are known.
_Edges: TypeAlias = tuple[int | None, int | None, int | None]
_NAMES = {
    "crop_images": (
        ("top_cropping", "bottom_cropping", "target_height"),
        ("left_cropping", "right_cropping", "target_width"),
    ),
    "pad_images": (
        ("top_padding", "bottom_padding", "target_height"),
        ("left_padding", "right_padding", "target_width"),
    ),
}


def crop_images(
    images: Tensor,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Crop images.

    Pass two of `top_cropping`, `bottom_cropping` and `target_height`, and two of
    `left_cropping`, `right_cropping` and `target_width`.

    Args:
        images: one image or a batch.
        top_cropping: number of rows to remove at the top.
        left_cropping: number of columns to remove on the left.
        bottom_cropping: number of rows to remove at the bottom.
        right_cropping: number of columns to remove on the right.
        target_height: rows of the result.
        target_width: columns of the result.
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.

    Raises:
        ArgumentError: not two of three are given, or one is or becomes negative.
        ShapeError: the images are not 3D or 4D.

    Example:
        >>> crop_images(jnp.ones((2, 6, 6, 3)), 1, 2, 1, target_width=3).shape
        (2, 4, 3, 3)
    """
    rows = top_cropping, bottom_cropping, target_height
    columns = left_cropping, right_cropping, target_width
    return _change_edges(crop_images, -1, images, rows, columns, data_format)


def pad_images(
    images: Tensor,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Pad images with zeros.

    Pass two of `top_padding`, `bottom_padding` and `target_height`, and two of
    `left_padding`, `right_padding` and `target_width`.

    Args:
        images: one image or a batch.
        top_padding: number of rows to add at the top.
        left_padding: number of columns to add on the left.
        bottom_padding: number of rows to add at the bottom.
        right_padding: number of columns to add on the right.
        target_height: rows of the result.
        target_width: columns of the result.
        data_format: "channels_last", "channels_first", or None for
            `config.image_data_format()`.

    Raises:
        ArgumentError: not two of three are given, or one is or becomes negative.
        ShapeError: the images are not 3D or 4D.

    Example:
        >>> pad_images(jnp.ones((6, 6, 3)), 1, 2, 1, target_width=9).shape
        (8, 9, 3)
    """
    rows = top_padding, bottom_padding, target_height
    columns = left_padding, right_padding, target_width
    return _change_edges(pad_images, 1, images, rows, columns, data_format)


def _change_edges(
    function: Callable[..., Any],
    sign: int,
    images: Tensor,
    rows: _Edges,
    columns: _Edges,
    data_format: str | None,
) -> Array:
    """Pad images (sign 1) or crop them (sign -1).

    Symbolic images are recorded here, not by `@op`: the sizes at which it evaluates
    unknown axes would be refused.
    """
    owner = function.__name__
    axes = spatial_axes(owner, data_format)
    edges = rows, columns
    if isinstance(images, SymbolicTensor):
        check_rank(owner, images.shape)
        _check_edges(owner, sign, [images.shape[axis] for axis in axes], edges)
        args = images, *(e for pair in zip(rows, columns, strict=True) for e in pair)
        change = functools.partial(_pad, sign=sign, axes=axes, edges=edges)
        return record(function, (*args, data_format), {}, lambda x, *_: change(x))
    x = images_of(owner, images)
    _check_edges(owner, sign, [x.shape[axis] for axis in axes], edges)
    return _pad(x, sign, axes, edges)


def _pad(x: Array, sign: int, axes: Sequence[int], edges: Sequence[_Edges]) -> Array:
    config = [(0, 0, 0)] * x.ndim
    for axis, amounts in zip(axes, edges, strict=True):
        before, after, _ = _complete(x.shape[axis], sign, amounts)
        config[axis] = sign * before, sign * after, 0
    return lax.pad(x, jnp.zeros((), x.dtype), config)


def _complete(length: int, sign: int, edges: _Edges) -> tuple[int, int, int]:
    """Compute the one of three numbers that is `None`."""
    before, after, target = edges
    if target is None:
        before, after = before or 0, after or 0
        return before, after, length + sign * (before + after)
    total = sign * (target - length)
    if before is None:
        before = total - (after or 0)
    return before, total - before, target


def _check_edges(
    owner: str, sign: int, lengths: PartialShape, edges: Sequence[_Edges]
) -> None:
    for names, length, values in zip(_NAMES[owner], lengths, edges, strict=True):
        given = dict(zip(names, values, strict=True))
        if [*values].count(None) != 1:
            raise ArgumentError(
                f"{owner}: exactly two of `{'`, `'.join(names)}` must be given. "
                f"Received: {', '.join(f'{k}={v}' for k, v in given.items())}."
            )
        if length is not None:
            values = _complete(length, sign, values)
        for name, value in zip(names, values, strict=True):
            if value is not None and (not is_int(value) or value < 0):
                if given[name] is None:
                    name = f"{name} of images of size {length}"
                raise invalid(owner, name, value, "a non-negative integer")
