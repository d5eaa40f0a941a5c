"""Formats of bounding boxes, and the changes that image transforms make to them.

A format says what the four numbers of a box are. `"xyxy"` is left, top, right and
bottom, and `"xywh"` left, top, width and height, both in pixels; `"yxyx"` and `"yxhw"`
have the vertical number first. With `"center_"` the first two numbers are the center.
With `"rel_"` all are fractions of the image's width and height.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from lamina.core.check import one_of
from lamina.errors import ArgumentError, ShapeError, invalid
from lamina.layers.base import Layer
from lamina.tracebacks import filter_traceback
from lamina.typing import Array, ArrayLike, DTypeLike

FORMATS = (
    *("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw"),
    *("rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh"),
)
box_format = one_of(*FORMATS)


@filter_traceback
def convert_format(
    boxes: ArrayLike | Mapping[str, Any],
    source: str,
    target: str,
    height: ArrayLike | None = None,
    width: ArrayLike | None = None,
    dtype: DTypeLike = "float32",
) -> Any:
    """Convert boxes from one format to another.

    Args:
        boxes: (..., 4), or a dictionary with them as `"boxes"`.
        source: the format of `boxes`.
        target: the format of the result.
        height: height of the image, needed if a format is relative.
        width: width of the image, needed if a format is relative.
        dtype: element type of the result.

    Returns:
        An array of the same shape, or a dictionary with the same other entries.

    Raises:
        ArgumentError: a format is unknown, or `height` and `width` are missing.
        ShapeError: the last axis does not have size 4.

    Example:
        >>> convert_format([[10, 20, 30, 60]], "xyxy", "center_xywh")
        Array([[20., 40., 20., 40.]], dtype=float32)
    """
    if isinstance(boxes, Mapping):
        array = boxes["boxes"]
        array = convert_format(array, source, target, height, width, dtype)
        return {**boxes, "boxes": array}
    source, target = _known_format("source", source), _known_format("target", target)
    boxes = jnp.asarray(boxes).astype(dtype)
    if boxes.shape[-1:] != (4,):
        raise ShapeError(
            "convert_format: `boxes` must have four numbers in the last axis. "
            f"Received: shape {boxes.shape}."
        )
    from_relative, to_relative = is_relative(source), is_relative(target)
    if (from_relative or to_relative) and (height is None or width is None):
        raise ArgumentError(
            f"convert_format: relative boxes need `height` and `width` of the image. "
            f"Received: source={source!r}, target={target!r}, height={height}, "
            f"width={width}."
        )
    if source == target:
        return boxes
    corners = _to_corners(boxes, source)
    if from_relative != to_relative:
        size = _size(height, width, dtype)
        corners = corners * size if from_relative else corners / size
    return _from_corners(corners, target)


def _known_format(argument: str, value: str) -> str:
    if not box_format.accepts(value):
        raise invalid("convert_format", argument, value, box_format.expected)
    return value.lower()


def is_relative(name: str) -> bool:
    """Return whether a format counts fractions of the image instead of pixels."""
    return name.lower().startswith("rel_")


def _size(height: ArrayLike | None, width: ArrayLike | None, dtype: DTypeLike) -> Array:
    """Return width, height, width and height on the last axis."""
    sides = [jnp.atleast_1d(jnp.asarray(n).astype(dtype)) for n in (width, height)]
    return jnp.concatenate(jnp.broadcast_arrays(*sides, *sides), -1)


def _to_corners(boxes: Array, source: str) -> Array:
    """Convert any format to left, top, right, bottom, in the same unit."""
    order = source.rpartition("_")[2]
    first, second = boxes[..., :2], boxes[..., 2:]
    if order[0] == "y":
        first, second = first[..., ::-1], second[..., ::-1]
    if "center" in source:
        first = first - second / 2
    if order[2:] in ("wh", "hw"):
        second = first + second
    return jnp.concatenate([first, second], -1)


def _from_corners(corners: Array, target: str) -> Array:
    order = target.rpartition("_")[2]
    first, second = corners[..., :2], corners[..., 2:]
    if order[2:] in ("wh", "hw"):
        second = second - first
    if "center" in target:
        first = first + second / 2
    if order[0] == "y":
        first, second = first[..., ::-1], second[..., ::-1]
    return jnp.concatenate([first, second], -1)


@filter_traceback
def clip_to_image_size(
    bounding_boxes: Mapping[str, Any],
    height: ArrayLike | None = None,
    width: ArrayLike | None = None,
    bounding_box_format: str = "xyxy",
) -> dict[str, Any]:
    """Clip boxes to the image, and set the labels of empty boxes to -1.

    Args:
        bounding_boxes: a dictionary with `"boxes"`, (..., n, 4), and, if there are
            any, `"labels"`, (..., n).
        height: height of the image; not needed for relative boxes.
        width: width of the image; not needed for relative boxes.
        bounding_box_format: the format of the boxes.

    Raises:
        ArgumentError: the format is unknown, or `height` and `width` are missing.

    Example:
        >>> boxes = {"boxes": np.array([[-2.0, 0.0, 8.0, 20.0]])}
        >>> lamina.utils.bounding_boxes.clip_to_image_size(boxes, 10, 10)["boxes"]
        Array([[ 0.,  0.,  8., 10.]], dtype=float32)
    """
    source = _known_format("bounding_box_format", bounding_box_format)
    if is_relative(source):
        height = width = 1
    elif height is None or width is None:
        raise ArgumentError(
            "clip_to_image_size: boxes in pixels need `height` and `width` of the "
            f"image. Received: height={height}, width={width}."
        )
    boxes = jnp.asarray(bounding_boxes["boxes"])
    corners = _to_corners(boxes, source)
    corners = jnp.clip(corners, 0, _size(height, width, corners.dtype))
    clipped = {**bounding_boxes, "boxes": _from_corners(corners, source)}
    if bounding_boxes.get("labels") is not None:
        labels = jnp.asarray(bounding_boxes["labels"])
        clipped["labels"] = jnp.where(box_areas(corners) > 0, labels, -1)
    return clipped


def box_areas(corners: Array) -> Array:
    """Return the areas of `"xyxy"` boxes: (..., 4) to (...)."""
    return jnp.prod(corners[..., 2:] - corners[..., :2], -1)


@filter_traceback
def affine_transform(
    boxes: ArrayLike,
    angle: ArrayLike,
    translate_x: ArrayLike,
    translate_y: ArrayLike,
    scale: ArrayLike,
    shear_x: ArrayLike,
    shear_y: ArrayLike,
    height: int,
    width: int,
    center_x: float | None = None,
    center_y: float | None = None,
    bounding_box_format: str = "xyxy",
) -> Array:
    """Transform the corners of boxes, and return the boxes around them.

    Each image has one transform, about a center: a translation, a rotation with shear,
    and a scaling.

    Args:
        boxes: (batch, n, 4).
        angle: (batch,), clockwise rotation in degrees.
        translate_x: (batch,), shift to the right as a fraction of the width.
        translate_y: (batch,), shift downwards as a fraction of the height.
        scale: (batch,), factor of the distances from the center.
        shear_x: (batch,), horizontal shear in degrees.
        shear_y: (batch,), vertical shear in degrees.
        height: height of the images.
        width: width of the images.
        center_x: center as a fraction of the width; 0.5 by default.
        center_y: center as a fraction of the height; 0.5 by default.
        bounding_box_format: must be `"xyxy"`.

    Returns:
        (batch, n, 4).

    Raises:
        ArgumentError: the boxes have another format.

    Example:
        >>> from lamina.utils.bounding_boxes import affine_transform
        >>> boxes, zero = np.array([[[0.0, 0.0, 2.0, 2.0]]]), np.zeros(1)
        >>> half, one = np.full(1, 0.5), np.ones(1)
        >>> affine_transform(boxes, zero, half, zero, one, zero, zero, 8, 8)
        Array([[[3.5, 0. , 5.5, 2. ]]], dtype=float32)
    """
    _require_corners("affine_transform", bounding_box_format)
    linear = _linear_map(angle, scale, shear_x, shear_y)
    extent = jnp.array([width - 1, height - 1], linear.dtype)
    center = extent * jnp.array(
        [0.5 if c is None else c for c in (center_x, center_y)], linear.dtype
    )
    shift = jnp.stack([jnp.asarray(translate_x), jnp.asarray(translate_y)], -1) * extent
    points = corner_points(jnp.asarray(boxes).astype(linear.dtype))
    moved = points - center + shift[:, None, None]
    moved = jnp.sum(linear[:, None, None] * moved[..., None, :], -1) + center
    return enclosing_boxes(moved)


def _require_corners(function: str, bounding_box_format: str) -> None:
    if bounding_box_format != "xyxy":
        hint = "Convert the boxes first: `convert_format(boxes, source, 'xyxy')`."
        name = "bounding_box_format"
        raise invalid(function, name, bounding_box_format, "'xyxy'", hint)


def _linear_map(
    angle: ArrayLike, scale: ArrayLike, shear_x: ArrayLike, shear_y: ArrayLike
) -> Array:
    """Return a 2x2 matrix for each image: two shears and a rotation."""
    rotation, by_x, by_y = (
        -jnp.asarray(degrees) * (math.pi / 180) for degrees in (angle, shear_x, shear_y)
    )
    cos, sin = jnp.cos(rotation), jnp.sin(rotation)
    shear, lift = jnp.tan(by_x), jnp.tan(by_y)
    y_by_x, y_by_y = sin - cos * lift, cos + sin * lift
    rows = [cos + shear * y_by_x, -sin - shear * y_by_y], [y_by_x, y_by_y]
    matrix = jnp.stack([jnp.stack(row, -1) for row in rows], -2)
    return matrix * jnp.asarray(scale)[:, None, None]


def boxes_error(layer: Layer) -> ArgumentError:
    """Return the error of a layer that got bounding boxes."""
    return ArgumentError(
        f"Layer {layer.name!r} ({type(layer).__name__}) cannot transform bounding "
        "boxes. Use another layer, or leave the boxes out of its input."
    )


def corner_points(boxes: Array) -> Array:
    """Return the four corners of `"xyxy"` boxes: (..., 4) to (..., 4, 2)."""
    return boxes[..., jnp.array([[0, 1], [2, 1], [2, 3], [0, 3]])]


def enclosing_boxes(points: Array) -> Array:
    """Return the smallest `"xyxy"` boxes around points: (..., n, 2) to (..., 4)."""
    return jnp.concatenate([points.min(-2), points.max(-2)], -1)


@filter_traceback
def crop(
    boxes: ArrayLike,
    top: ArrayLike,
    left: ArrayLike,
    height: ArrayLike,
    width: ArrayLike,
    bounding_box_format: str = "xyxy",
) -> Array:
    """Return boxes relative to a part of the image, clipped to it.

    Args:
        boxes: (..., 4).
        top: first row of the part.
        left: first column of the part.
        height: height of the part.
        width: width of the part.
        bounding_box_format: must be `"xyxy"`.

    Example:
        >>> lamina.utils.bounding_boxes.crop([[2, 2, 8, 8]], 4, 0, 10, 10)
        Array([[2, 0, 8, 4]], dtype=int32)
    """
    boxes = pad(
        boxes, -jnp.asarray(top), -jnp.asarray(left), None, None, bounding_box_format
    )
    return jnp.clip(boxes, 0, _size(height, width, boxes.dtype))


@filter_traceback
def pad(
    boxes: ArrayLike,
    top: ArrayLike,
    left: ArrayLike,
    height: ArrayLike | None = None,
    width: ArrayLike | None = None,
    bounding_box_format: str = "xyxy",
) -> Array:
    """Return boxes relative to an image with additional rows and columns.

    Args:
        boxes: (..., 4).
        top: number of rows that were added above.
        left: number of columns that were added on the left.
        height: not used: boxes in pixels do not depend on the height.
        width: not used: boxes in pixels do not depend on the width.
        bounding_box_format: must be `"xyxy"`.

    Example:
        >>> lamina.utils.bounding_boxes.pad([[2, 2, 8, 8]], top=1, left=3)
        Array([[ 5,  3, 11,  9]], dtype=int32)
    """
    _require_corners("crop and pad", bounding_box_format)
    array = jnp.asarray(boxes)
    return array + _size(top, left, array.dtype)
