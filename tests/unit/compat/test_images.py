"""`ImageDataGenerator` changes images as its arguments say."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import lamina
from lamina.compat.keras.images import ImageDataGenerator
from lamina.errors import ArgumentError

X = np.arange(4 * 3 * 5 * 2, dtype="float32").reshape(4, 3, 5, 2)


def changed(images: np.ndarray = X, fit: bool = False, **options) -> np.ndarray:
    generator = ImageDataGenerator(**options)
    if fit:
        generator.fit(images)
    return next(generator.flow(images, batch_size=len(images), shuffle=False, seed=0))


CASES = [
    ({}, X),
    ({"rescale": 0.5}, X / 2),
    ({"preprocessing_function": lambda x: x + 1, "rescale": 2}, 2 * (X + 1)),
    ({"samplewise_center": True}, X - X.mean((1, 2, 3), keepdims=True)),
    ({"featurewise_center": True, "fit": True}, X - X.mean((0, 1, 2))),
    (
        {
            "featurewise_center": True,
            "featurewise_std_normalization": True,
            "fit": True,
        },
        (X - X.mean((0, 1, 2))) / X.std((0, 1, 2)),
    ),
    ({"brightness_range": (0.5, 0.5)}, X / 2),
]


@pytest.mark.parametrize(("options", "expected"), CASES)
def test_images_are_standardized(options, expected):
    assert_allclose(changed(**options), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("option", "axis"), [("vertical_flip", 1), ("horizontal_flip", 2)]
)
def test_images_are_flipped_or_not(option, axis):
    flipped = np.flip(X, axis)
    for found, before, after in zip(changed(**{option: True}), X, flipped, strict=True):
        assert (found == before).all() or (found == after).all()


@pytest.mark.parametrize(
    "options",
    [
        {"rotation_range": 30},
        {"width_shift_range": 0.5},
        {"height_shift_range": 2},
        {"zoom_range": 0.3},
        {"shear_range": 20},
        {"channel_shift_range": 3.0},
    ],
)
def test_images_move_within_their_values(options):
    found = changed(**options)
    assert found.shape == X.shape and not np.array_equal(found, X)
    assert X.min() - 1e-3 <= found.min() and found.max() <= X.max() + 1e-3


def test_shift_in_pixels_moves_columns():
    image = X[0]
    generator = ImageDataGenerator(width_shift_range=2, fill_mode="constant", cval=-1)

    class Largest:
        def uniform(self, low, high, size=None):
            return np.full(size, high) if size else high

        def random(self):
            return 1.0

    found = generator.transformed(image, Largest())
    assert_allclose(found[:, :3], image[:, 2:], atol=1e-4)
    assert_allclose(found[:, 3:], -1)


def test_channels_first_is_channels_last_transposed():
    moved = np.moveaxis(X, -1, 1)
    options = {"rotation_range": 30, "horizontal_flip": True}
    found = changed(moved, data_format="channels_first", **options)
    assert_allclose(np.moveaxis(found, 1, -1), changed(**options), rtol=1e-5)


def test_batches_have_labels_and_do_not_end():
    generator = ImageDataGenerator(validation_split=0.25)
    y = np.arange(4)
    batches = generator.flow(X, y, batch_size=2, subset="training", seed=1)
    assert (len(batches), batches.n) == (2, 3)
    seen = [next(batches) for _ in range(4)]
    assert sorted(np.concatenate([label for _, label in seen[:2]])) == [1, 2, 3]
    for images, labels in seen:
        assert_array_equal(images, X[labels])
    validation = generator.flow(X, y, subset="validation")
    assert_array_equal(next(validation)[1], [0])


def test_model_trains_on_a_folder(tmp_path, capsys):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(2):
            lamina.utils.save_img(tmp_path / name / f"{i}.png", X[0, :, :, :1])
    batches = ImageDataGenerator(rescale=1 / 255).flow_from_directory(
        str(tmp_path), target_size=(4, 4), batch_size=3, class_mode="binary"
    )
    assert "Found 4 images belonging to 2 classes." in capsys.readouterr().out
    assert batches.class_indices == {"cat": 0, "dog": 1}
    assert_array_equal(batches.classes, [0, 0, 1, 1])
    layers = lamina.layers
    model = lamina.Sequential([layers.Flatten(), layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    history = model.fit_generator(batches, steps_per_epoch=2, epochs=2, verbose=0)
    assert history.epoch == [0, 1]


def test_whitening_is_refused():
    with pytest.raises(ArgumentError, match="zca_whitening is not supported"):
        ImageDataGenerator(zca_whitening=True)


def test_images_as_targets_are_refused(tmp_path):
    (tmp_path / "cat").mkdir()
    with pytest.raises(ArgumentError, match="class_mode='input' is not supported"):
        ImageDataGenerator().flow_from_directory(str(tmp_path), class_mode="input")
