"""Boxes and masks that are drawn into images."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import visualization
from lamina.errors import ArgumentError, ArgumentTypeError, ShapeError

IMAGES = np.full((2, 40, 60, 3), 100, "uint8")
BOXES = {
    "boxes": np.array([[[10, 20, 30, 35], [0, 0, 5, 5]]] * 2, "float32"),
    "labels": np.array([[1, -1], [0, -1]]),
}
RED = (255, 0, 0)


def draw(images=IMAGES, boxes=BOXES, **kwargs):
    kwargs = {"color": RED, "line_thickness": 1, **kwargs}
    return visualization.draw_bounding_boxes(images, boxes, "xyxy", **kwargs)


def is_red(images):
    return (images == RED).all(-1)


def test_edges_of_a_box_are_drawn_and_boxes_without_label_are_not():
    expected = np.zeros((40, 60), bool)
    expected[20:36, 10:31] = True
    expected[21:35, 11:30] = False
    drawn = draw()
    assert drawn.dtype == "uint8"
    assert (is_red(drawn) == expected).all()
    assert (drawn[:, ~expected] == 100).all()
    assert (IMAGES == 100).all()


def test_lines_have_the_given_thickness_around_the_edge():
    row = is_red(draw(line_thickness=3))[0, 27]
    assert np.flatnonzero(row).tolist() == [9, 10, 11, 29, 30, 31]


def test_boxes_are_converted_from_their_format():
    relative = {**BOXES, "boxes": BOXES["boxes"][..., [1, 0, 3, 2]] / [40, 60, 40, 60]}
    drawn = visualization.draw_bounding_boxes(
        IMAGES, relative, "rel_yxyx", color=RED, line_thickness=1
    )
    assert np.array_equal(drawn, draw())


def test_names_are_written_for_mapped_classes_only():
    named = {"class_mapping": {1: "cat"}, "font_scale": 0.5}
    scores = {**BOXES, "confidences": np.full((2, 2), 0.5)}
    name = (draw(**named) != draw()).any(-1)
    name_and_score = (draw(boxes=scores, **named) != draw()).any(-1)
    assert 20 < name[0, :20].sum() == name[0].sum() < name_and_score[0].sum()
    assert not name[1].any()


def test_floats_up_to_1_are_scaled_and_channels_may_be_first_or_one():
    assert np.array_equal(draw(IMAGES / 255.0 + 1e-6), draw())
    first = draw(IMAGES.transpose(0, 3, 1, 2), data_format="channels_first")
    assert np.array_equal(first, draw().transpose(0, 3, 1, 2))
    gray = draw(IMAGES[..., :1], color=(7,))
    assert gray.shape == (2, 40, 60, 1)
    assert (gray == 7).sum() == 2 * is_red(draw())[0].sum()


MASKS = np.array([[[0, 1], [2, -1]]])
PIXELS = np.full((1, 2, 2, 3), 200.0)
COLORS = {1: (0, 100, 0), 2: (50, 50, 50)}


def color(masks=MASKS, **kwargs):
    return visualization.draw_segmentation_masks(PIXELS, masks, **kwargs)


def test_masks_are_blended_with_their_colors():
    expected = [[[200] * 3, [100, 150, 100]], [[125] * 3, [200] * 3]]
    drawn = color(color_mapping=COLORS, alpha=0.5)
    assert drawn.tolist() == [expected]
    assert np.array_equal(
        color(MASKS[..., None], color_mapping=COLORS, alpha=0.5), drawn
    )
    first = visualization.draw_segmentation_masks(
        PIXELS.transpose(0, 3, 1, 2),
        MASKS[:, None],
        color_mapping=COLORS,
        alpha=0.5,
        data_format="channels_first",
    )
    assert np.array_equal(first, drawn)


def test_masks_replace_pixels_without_blending_and_an_index_is_ignored():
    drawn = color(color_mapping=COLORS, blend=False, ignore_index=2)
    assert drawn.tolist() == [[[[200] * 3, [0, 100, 0]], [[200] * 3, [200] * 3]]]


def test_palette_has_the_colors_of_keras():
    # Keras computes i * (2**25 - 1, 2**15 - 1, 2**21 - 1) % 255 for class i.
    drawn = color(alpha=1.0)
    assert drawn.tolist() == [[[[0] * 3, [1, 127, 31]], [[2, 254, 62], [200] * 3]]]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: draw(IMAGES[0]), ShapeError, "4D"),
        (lambda: draw(boxes=[1]), ArgumentTypeError, "dictionary"),
        (lambda: draw(boxes={"boxes": []}), ArgumentError, "Missing: labels"),
        (lambda: color(MASKS * 1.0), ArgumentTypeError, "integers"),
        (lambda: color(MASKS[:, :1]), ShapeError, "size of the images"),
    ],
)
def test_invalid_arguments_are_errors(call, error, words):
    with pytest.raises(error, match=words):
        call()
