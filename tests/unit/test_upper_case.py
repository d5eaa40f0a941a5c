"""Names that arguments accept in upper or lower case."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from lamina import layers, ops, utils

IMAGES = np.random.default_rng(0).random((4, 6, 6, 3))
BOXES = {"boxes": np.array([[0.25, 0.25, 0.5, 3.0]])}
FOLDER_ARGUMENTS = {
    "color_mode": "grayscale",
    "label_mode": "categorical",
    "subset": "validation",
    "interpolation": "nearest",
}


def concat_scores(mode):
    utils.set_random_seed(0)
    return layers.Attention(score_mode=mode)([IMAGES[0], IMAGES[1]])


CALLS = {
    "Attention": (concat_scores, "concat"),
    "RandomFlip": (lambda v: layers.RandomFlip(v, seed=0)(IMAGES), "horizontal"),
    "RandomElasticTransform interpolation": (
        lambda v: layers.RandomElasticTransform(interpolation=v, seed=0)(IMAGES),
        "nearest",
    ),
    "RandomElasticTransform fill_mode": (
        lambda v: layers.RandomElasticTransform(fill_mode=v, seed=0)(IMAGES),
        "wrap",
    ),
    "TextVectorization": (
        lambda v: layers.TextVectorization(split=v, vocabulary=["a", "b"])(["ab"]),
        "character",
    ),
    "clip_to_image_size": (
        lambda v: utils.bounding_boxes.clip_to_image_size(BOXES, 9, 9, v),
        "rel_center_xywh",
    ),
    "qr": (lambda v: ops.qr(IMAGES[0, :, :, 0], v), "complete"),
}


@pytest.mark.parametrize(("call", "name"), CALLS.values(), ids=CALLS)
def test_upper_case_has_the_same_result(call, name):
    jax.tree.map(np.testing.assert_array_equal, call(name), call(name.upper()))


@pytest.fixture
def folder(tmp_path):
    for name in "abcd":
        (tmp_path / name).mkdir()
        utils.save_img(tmp_path / name / "image.png", IMAGES[0])
    return tmp_path


def test_upper_case_loads_the_same_image(folder):
    path = folder / "a" / "image.png"
    image, same = (utils.load_img(path, name) for name in ("grayscale", "GRAYSCALE"))
    assert np.array_equal(image, same)


def test_upper_case_makes_the_same_data_set(folder):
    def rows(**arguments):
        return list(
            utils.image_dataset_from_directory(
                folder,
                image_size=(4, 4),
                shuffle=False,
                validation_split=0.5,
                verbose=False,
                **arguments,
            )
        )

    upper = {name: value.upper() for name, value in FOLDER_ARGUMENTS.items()}
    lower = rows(**FOLDER_ARGUMENTS)
    jax.tree.map(np.testing.assert_array_equal, lower, rows(**upper))
