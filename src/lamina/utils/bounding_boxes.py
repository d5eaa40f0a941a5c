"""Bounding boxes: formats, overlaps, and the changes that image transforms make.

A format says what the four numbers of a box are. `"xyxy"` is left, top, right and
bottom, and `"xywh"` left, top, width and height, both in pixels; `"yxyx"` and `"yxhw"`
have the vertical number first. With `"center_"` the first two numbers are the center.
With `"rel_"` all are fractions of the image's width and height.
"""

from __future__ import annotations

from lamina.layers.image.box_formats import (
    affine_transform,
    clip_to_image_size,
    convert_format,
    crop,
    pad,
)
from lamina.layers.image.box_overlap import (
    compute_ciou,
    compute_iou,
    decode_deltas_to_boxes,
    encode_box_to_deltas,
)

__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "compute_ciou",
    "compute_iou",
    "convert_format",
    "crop",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
    "pad",
]


def __dir__() -> list[str]:
    return __all__
