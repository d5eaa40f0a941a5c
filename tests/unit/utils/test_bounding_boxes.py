"""Errors of `utils.bounding_boxes`, and what goes beyond Keras."""

from __future__ import annotations

import numpy as np
import pytest

from lamina.errors import ArgumentError, ShapeError
from lamina.utils import bounding_boxes as boxes

BOX = np.array([[10.0, 20.0, 30.0, 60.0]], "float32")
ZERO = np.zeros(1, "float32")


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (
            ArgumentError,
            "one of 'xyxy'",
            lambda: boxes.convert_format(BOX, "a", "xyxy"),
        ),
        (
            ArgumentError,
            "height",
            lambda: boxes.convert_format(BOX, "xyxy", "rel_xyxy"),
        ),
        (ShapeError, "four", lambda: boxes.convert_format(BOX[:, :3], "xyxy", "xywh")),
        (ArgumentError, "height", lambda: boxes.clip_to_image_size({"boxes": BOX})),
        (ArgumentError, "Convert", lambda: boxes.pad(BOX, 1, 1, 9, 9, "xywh")),
        (ArgumentError, "Convert", lambda: boxes.crop(BOX, 1, 1, 9, 9, "xywh")),
        (
            ArgumentError,
            "Convert",
            lambda: boxes.affine_transform(
                BOX[None], *[ZERO] * 6, 9, 9, bounding_box_format="xywh"
            ),
        ),
        (ShapeError, "boxes2", lambda: boxes.compute_iou(BOX, BOX[0], "xyxy")),
        (ArgumentError, "image_shape", lambda: boxes.compute_iou(BOX, BOX, "rel_xyxy")),
        (
            ArgumentError,
            "four numbers",
            lambda: boxes.encode_box_to_deltas(
                BOX, BOX, "xyxy", "xyxy", variance=[0.1, 0.2]
            ),
        ),
        (
            ArgumentError,
            "center_xywh",
            lambda: boxes.decode_deltas_to_boxes(BOX, BOX, "xyxy", "xyxy", "xywh"),
        ),
    ],
)
def test_mistake_is_refused(error, message, call):
    with pytest.raises(error, match=message):
        call()


def test_boxes_of_any_format_are_clipped():
    clipped = boxes.clip_to_image_size(
        {"boxes": BOX, "labels": np.array([3])}, 50, 60, "xywh"
    )
    np.testing.assert_allclose(clipped["boxes"], [[10, 20, 30, 30]])
    assert clipped["labels"].tolist() == [3]


def test_the_given_dictionary_is_not_changed():
    given = {"boxes": BOX, "labels": np.array([3])}
    boxes.convert_format(given, "xyxy", "rel_xyxy", 50, 60)
    assert given["boxes"] is BOX


def test_relative_complete_iou_needs_only_the_image_shape():
    relative = BOX / 100
    found = boxes.compute_ciou(relative, relative, "rel_xyxy", (100, 100, 3))
    np.testing.assert_allclose(found, [1.0], rtol=1e-4)
