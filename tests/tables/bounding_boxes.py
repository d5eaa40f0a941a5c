"""Cases of `utils.bounding_boxes`: each `make` returns the result of a function."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from tests.tables.arrays import floats, ints
from tests.tables.cases import SmallCase

FORMATS = (
    *("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw"),
    *("rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh"),
)
SIZE = {"height": 50, "width": 60}
SHAPE = (50, 60, 3)


def corners(*shape: int, seed: int, high: float = 48.0) -> np.ndarray:
    points = floats(*shape, 2, 2, low=1.0, high=high, seed=seed)
    return np.sort(points, -2).reshape(*shape, 4)


BOXES = corners(2, 3, seed=0)
# Some reach beyond the image, and one is padding.
OTHERS = corners(2, 2, seed=1, high=75.0)
OTHERS[1, 1] = -1.0
LABELED = {"boxes": OTHERS - 4.0, "labels": ints(2, 2, below=5)}
ANGLES = floats(2, low=-60, high=60, seed=2)
SHIFTS = floats(2, 2, low=-0.5, high=0.5, seed=3)
SCALES = floats(2, low=0.5, high=2.0, seed=4)
SHEARS = floats(2, 2, low=-20, high=20, seed=5)
AFFINE = (ANGLES, *SHIFTS, SCALES, *SHEARS, 50, 60)


def case(name: str, function: str, *args: Any, **kwargs: Any) -> SmallCase:
    def make(k: Any) -> Any:
        # Keras writes its results into the dictionaries that it gets.
        copies = [dict(a) if isinstance(a, dict) else a for a in args]
        return getattr(k.utils.bounding_boxes, function)(*copies, **kwargs)

    return SmallCase(f"utils.bounding_boxes.{function} {name}", make)


BOUNDING_BOXES = [
    *(
        case(f"convert_{a}_{b}", "convert_format", BOXES / 60, a, b, **SIZE)
        for a, b in itertools.product(FORMATS, FORMATS)
        if "xyxy" in (a, b)
    ),
    case(
        "convert_rel_yxyx_rel_xywh", "convert_format", BOXES / 60, *FORMATS[6:8], 5, 6
    ),
    case("convert_dictionary", "convert_format", LABELED, "xywh", "rel_xywh", 50, 60),
    case("convert_float16", "convert_format", BOXES, "xyxy", "xywh", dtype="float16"),
    case("clip", "clip_to_image_size", LABELED, **SIZE),
    case(
        "clip_relative",
        "clip_to_image_size",
        {"boxes": OTHERS / 60},
        bounding_box_format="rel_xyxy",
    ),
    case("affine", "affine_transform", BOXES, *AFFINE),
    case("affine_center", "affine_transform", BOXES, *AFFINE, 0.2, 0.7),
    case("crop", "crop", BOXES, 3, 4, 20, 30),
    case("pad", "pad", BOXES, 3, 4, 70, 80),
    case("iou", "compute_iou", BOXES[0], OTHERS[0], "xyxy"),
    case("iou_batch", "compute_iou", BOXES, OTHERS[0], "center_yxhw"),
    case("iou_masked", "compute_iou", BOXES, OTHERS, "xyxy", True, -2),
    case(
        "iou_relative",
        "compute_iou",
        BOXES / 60,
        OTHERS / 60,
        "rel_xywh",
        image_shape=SHAPE,
    ),
    case("ciou", "compute_ciou", BOXES[:, :2], OTHERS, "xyxy"),
    case("ciou_sizes", "compute_ciou", BOXES[:, :2], OTHERS, "xywh", SHAPE),
    case("encode", "encode_box_to_deltas", BOXES[0], BOXES[1], "xyxy", "xyxy"),
    case(
        "encode_relative",
        "encode_box_to_deltas",
        BOXES[0] / 60,
        BOXES[1],
        "rel_xyxy",
        "xywh",
        encoding_format="center_xywh",
        variance=[0.1, 0.1, 0.2, 0.2],
        image_shape=SHAPE,
    ),
    case(
        "decode",
        "decode_deltas_to_boxes",
        BOXES[0],
        floats(3, 4, seed=6),
        "xyxy",
        "xyxy",
    ),
    case(
        "decode_levels",
        "decode_deltas_to_boxes",
        {"p3": BOXES[0], "p4": BOXES[1]},
        {"p3": floats(3, 4, seed=6), "p4": floats(3, 4, seed=7)},
        "xywh",
        "rel_xyxy",
        encoded_format="center_xywh",
        variance=[0.1, 0.1, 0.2, 0.2],
        image_shape=SHAPE,
    ),
]
