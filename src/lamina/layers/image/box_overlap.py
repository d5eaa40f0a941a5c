"""Overlaps of bounding boxes, and their differences from anchors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import jax.numpy as jnp
import numpy as np

from lamina import config
from lamina.core.check import one_of
from lamina.errors import ArgumentError, ShapeError, invalid
from lamina.layers.image.box_formats import box_areas, convert_format, is_relative
from lamina.tracebacks import filter_traceback
from lamina.typing import Array, ArrayLike

_ENCODINGS = one_of("center_xywh", "center_yxhw")


@filter_traceback
def compute_iou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Sequence[int] | None = None,
) -> Array:
    """Compute the intersection over union of each pair of boxes.

    Args:
        boxes1: (n, 4) or (batch, n, 4).
        boxes2: (m, 4) or (batch, m, 4).
        bounding_box_format: the format of both.
        use_masking: whether pairs with a padding box, one without positive numbers,
            have the value `mask_val`.
        mask_val: the value of these pairs.
        image_shape: (height, width, channels), needed for relative boxes.

    Returns:
        (n, m), or (batch, n, m) if either has a batch axis.

    Raises:
        ShapeError: an array has fewer than two axes or more than three.
        ArgumentError: the boxes are relative and there is no `image_shape`.

    Example:
        >>> from lamina.utils.bounding_boxes import compute_iou
        >>> compute_iou([[0, 0, 10, 10]], [[0, 0, 10, 5], [20, 20, 30, 30]], "xyxy")
        Array([[0.5, 0. ]], dtype=float32)
    """
    for name, value in {"boxes1": boxes1, "boxes2": boxes2}.items():
        if np.ndim(value) not in (2, 3):
            raise ShapeError(
                f"compute_iou: `{name}` must have the shape (n, 4) or (batch, n, 4). "
                f"Received: shape {np.shape(value)}."
            )
    height, width = _image_size("compute_iou", bounding_box_format, image_shape)
    one: Array = convert_format(boxes1, bounding_box_format, "xyxy", height, width)
    other: Array = convert_format(boxes2, bounding_box_format, "xyxy", height, width)
    one, other = one[..., :, None, :], other[..., None, :, :]
    shared = _intersection(one, other)
    union = box_areas(one) + box_areas(other) - shared
    iou = shared / (union + config.epsilon())
    if not use_masking:
        return iou
    is_padding = (one.max(-1) < 0) | (other.max(-1) < 0)
    return jnp.where(is_padding, jnp.asarray(mask_val, iou.dtype), iou)


def _image_size(
    function: str, bounding_box_format: str, image_shape: Sequence[int] | None
) -> tuple[int | None, int | None]:
    if image_shape is not None:
        return image_shape[0], image_shape[1]
    if is_relative(bounding_box_format):
        raise ArgumentError(
            f"{function}: boxes in the format {bounding_box_format!r} need "
            "`image_shape=(height, width, channels)`."
        )
    return None, None


def _intersection(one: Array, other: Array) -> Array:
    low = jnp.maximum(one[..., :2], other[..., :2])
    high = jnp.minimum(one[..., 2:], other[..., 2:])
    return jnp.prod(jnp.maximum(high - low, 0), -1)


@filter_traceback
def compute_ciou(
    boxes1: ArrayLike,
    boxes2: ArrayLike,
    bounding_box_format: str,
    image_shape: Sequence[int] | None = None,
) -> Array:
    """Compute the complete intersection over union of boxes, element by element.

    It is the intersection over union minus a penalty for the distance of the centers
    and one for different aspect ratios.

    Args:
        boxes1: (..., 4).
        boxes2: (..., 4).
        bounding_box_format: the format of both.
        image_shape: (height, width, channels), needed for relative boxes.

    Returns:
        (...).

    Raises:
        ArgumentError: the boxes are relative and there is no `image_shape`.

    Example:
        >>> from lamina.utils.bounding_boxes import compute_ciou
        >>> compute_ciou([[0, 0, 4, 4]], [[0, 0, 4, 4]], "xyxy").round(3)
        Array([1.], dtype=float32)

    Reference: Zheng et al. 2020, https://arxiv.org/abs/1911.08287
    """
    height, width = _image_size("compute_ciou", bounding_box_format, image_shape)
    one: Array = convert_format(boxes1, bounding_box_format, "xyxy", height, width)
    other: Array = convert_format(boxes2, bounding_box_format, "xyxy", height, width)
    epsilon = config.epsilon()
    shared = _intersection(one, other)
    iou = shared / (box_areas(one) + box_areas(other) - shared + epsilon)
    low = jnp.minimum(one[..., :2], other[..., :2])
    high = jnp.maximum(one[..., 2:], other[..., 2:])
    diagonal = jnp.sum(jnp.square(high - low), -1) + epsilon
    centers = (one[..., :2] + one[..., 2:] - other[..., :2] - other[..., 2:]) / 2
    distance = jnp.sum(jnp.square(centers), -1)
    aspect = (jnp.arctan(_aspect_ratio(other)) - jnp.arctan(_aspect_ratio(one))) ** 2
    aspect = aspect * (4 / math.pi**2)
    return iou - distance / diagonal - aspect**2 / (aspect - iou + 1 + epsilon)


def _aspect_ratio(corners: Array) -> Array:
    sides = corners[..., 2:] - corners[..., :2]
    return sides[..., 0] / (sides[..., 1] + config.epsilon())


@filter_traceback
def encode_box_to_deltas(
    anchors: ArrayLike,
    boxes: ArrayLike,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: ArrayLike | None = None,
    image_shape: Sequence[int] | None = None,
) -> Array:
    """Express boxes by their differences from anchors, as detection models do.

    The first two numbers are the distance of the centers as a fraction of the anchor's
    size, and the last two the logarithm of the ratio of the sizes.

    Args:
        anchors: (..., n, 4).
        boxes: (..., n, 4).
        anchor_format: the format of `anchors`.
        box_format: the format of `boxes`.
        encoding_format: `"center_yxhw"` or `"center_xywh"`, the order of the result.
        variance: four numbers by which the result is divided.
        image_shape: (height, width, channels), needed for relative boxes.

    Returns:
        (..., n, 4).

    Raises:
        ArgumentError: the encoding is unknown, or `variance` does not have 4 numbers.

    Example:
        >>> from lamina.utils.bounding_boxes import encode_box_to_deltas
        >>> anchors, boxes = np.array([[0.0, 0, 4, 4]]), np.array([[1.0, 0, 5, 4]])
        >>> encode_box_to_deltas(anchors, boxes, "xyxy", "xyxy")
        Array([[0.  , 0.25, 0.  , 0.  ]], dtype=float32)
    """
    _check_encoding("encode_box_to_deltas", "encoding_format", encoding_format)
    factor = _variance("encode_box_to_deltas", variance)
    height, width = (None, None) if image_shape is None else image_shape[:2]
    start = convert_format(anchors, anchor_format, encoding_format, height, width)
    end = convert_format(boxes, box_format, encoding_format, height, width)
    scale, sides = (jnp.maximum(b[..., 2:], config.epsilon()) for b in (start, end))
    shift = (end[..., :2] - start[..., :2]) / scale
    return jnp.concatenate([shift, jnp.log(sides / scale)], -1) / factor


@filter_traceback
def decode_deltas_to_boxes(
    anchors: ArrayLike | Mapping[Any, ArrayLike],
    boxes_delta: ArrayLike | Mapping[Any, ArrayLike],
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: ArrayLike | None = None,
    image_shape: Sequence[int] | None = None,
) -> Any:
    """Compute boxes from anchors and the result of `encode_box_to_deltas`.

    Args:
        anchors: (..., n, 4), or a dictionary of such arrays, one for each level.
        boxes_delta: (..., n, 4), or a dictionary of such arrays.
        anchor_format: the format of `anchors`.
        box_format: the format of the result.
        encoded_format: `"center_yxhw"` or `"center_xywh"`, the order in `boxes_delta`.
        variance: four numbers by which `boxes_delta` is multiplied.
        image_shape: (height, width, channels), needed for relative boxes.

    Returns:
        (..., n, 4), or a dictionary of such arrays.

    Raises:
        ArgumentError: the encoding is unknown, or `variance` does not have 4 numbers.

    Example:
        >>> from lamina.utils.bounding_boxes import decode_deltas_to_boxes
        >>> anchors, deltas = np.array([[0.0, 0, 4, 4]]), np.array([[0.0, 0.25, 0, 0]])
        >>> decode_deltas_to_boxes(anchors, deltas, "xyxy", "xyxy")
        Array([[1., 0., 5., 4.]], dtype=float32)
    """
    _check_encoding("decode_deltas_to_boxes", "encoded_format", encoded_format)
    factor = _variance("decode_deltas_to_boxes", variance)
    height, width = (None, None) if image_shape is None else image_shape[:2]

    def decode(anchor: ArrayLike, delta: ArrayLike) -> Array:
        start = convert_format(anchor, anchor_format, encoded_format, height, width)
        shift, growth = jnp.split(jnp.asarray(delta) * factor, 2, -1)
        scale = start[..., 2:]
        center = shift * scale + start[..., :2]
        boxes = jnp.concatenate([center, jnp.exp(growth) * scale], -1)
        return convert_format(boxes, encoded_format, box_format, height, width)

    if isinstance(anchors, Mapping):
        levels = cast(Mapping[Any, ArrayLike], boxes_delta)
        return {key: decode(anchor, levels[key]) for key, anchor in anchors.items()}
    return decode(anchors, cast(ArrayLike, boxes_delta))


def _check_encoding(function: str, argument: str, value: str) -> None:
    if not _ENCODINGS.accepts(value):
        raise invalid(function, argument, value, _ENCODINGS.expected)


def _variance(function: str, variance: ArrayLike | None) -> Array:
    factor = jnp.ones(4) if variance is None else jnp.asarray(variance, "float32")
    if factor.shape[-1:] != (4,):
        raise invalid(function, "variance", variance, "four numbers or None")
    return factor
