"""`ImageDataGenerator` changes images as its arguments say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import lamina
from lamina.compat.keras.preprocessing.images import ImageDataGenerator
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
    ({"brightness_range": (0.5, 0.5)}, X // 2),
    ({"brightness_range": (4.0, 4.0)}, np.minimum(4 * X, 255)),
    ({"channel_shift_range": 0.0, "interpolation_order": 3}, X),
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


MOVES = [
    ({"ty": 2}, np.pad(X[0][:, 2:], [(0, 0), (0, 2), (0, 0)], constant_values=-1)),
    ({"tx": -1}, np.pad(X[0][:-1], [(1, 0), (0, 0), (0, 0)], constant_values=-1)),
    ({"theta": 180}, X[0][::-1, ::-1]),
    ({"flip_horizontal": True, "theta": 180}, X[0][::-1]),
    ({"channel_shift_intensity": 3.0}, np.minimum(X[0] + 3, X[0].max())),
    ({"zx": 2.0, "zy": 2.0}, None),
]


@pytest.mark.parametrize(("changes", "expected"), MOVES)
def test_image_is_changed_by_parameters(changes, expected):
    # The edges of a rotated image may lie outside by a rounding.
    fill = "nearest" if "theta" in changes else "constant"
    generator = ImageDataGenerator(fill_mode=fill, cval=-1)
    found = generator.apply_transform(X[0], changes)
    if expected is None:  # smaller around the same center
        expected = np.full_like(X[0], -1)
        expected[1:2, 1:4] = X[0][1, [0, 2, 4]]
    assert_allclose(found, expected, atol=1e-3)


def test_reflection_repeats_the_edge():
    row = np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1)
    generator = ImageDataGenerator(fill_mode="reflect")
    found = generator.apply_transform(row, {"ty": 2})
    assert found.ravel().tolist() == [3, 3, 2]


# Draws of Keras 3.15.1 for the seed 1.
DRAWN = [
    (
        {
            "rotation_range": 10,
            "zoom_range": 0.2,
            "width_shift_range": 0.3,
            "height_shift_range": 2,
            "shear_range": 5,
            "channel_shift_range": 3,
            "horizontal_flip": True,
        },
        {
            "theta": -1.6595599059485195,
            "ty": -1.4996568755479653,
            "shear": -1.9766742736816023,
            "zx": 0.8587023563268451,
            "zy": 0.8369354424780955,
            "flip_horizontal": 1,
            "channel_shift_intensity": -0.6193951546159804,
        },
    ),
    (
        {
            "rotation_range": 10,
            "width_shift_range": [-1, 1],
            "brightness_range": (0.5, 1.5),
        },
        {
            "theta": -1.6595599059485195,
            "ty": 1,
            "zx": 1,
            "zy": 1,
            "brightness": 0.646755890817113,
        },
    ),
]


@pytest.mark.parametrize(("ranges", "expected"), DRAWN)
def test_random_changes_are_those_of_keras(ranges, expected):
    found = ImageDataGenerator(**ranges).get_random_transform((4, 5, 3), seed=1)
    assert {k: v for k, v in found.items() if v not in (None, 0)} == (
        pytest.approx(expected, rel=1e-7)
    )


def test_order_of_images_is_that_of_keras_for_a_seed():
    generator, y = ImageDataGenerator(), np.arange(5)
    images = np.zeros((5, 2, 2, 1))
    batches = generator.flow(images, y, batch_size=4, seed=5)
    assert next(batches)[1].tolist() == [4, 0, 1, 2]
    np.random.seed(3)
    orders = [next(generator.flow(images, y))[1].tolist()]
    np.random.seed(3)
    assert orders == [np.random.permutation(5).tolist()]


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
    assert batches.class_indices == {"cat": 0, "dog": 1} and batches.num_classes == 2
    assert batches.image_shape == batches[0][0].shape[1:] and batches.batch_index == 0
    assert_array_equal(batches.labels, batches.classes)
    assert_array_equal(batches.classes, [0, 0, 1, 1])
    layers = lamina.layers
    model = lamina.Sequential([layers.Flatten(), layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    history = model.fit_generator(batches, steps_per_epoch=2, epochs=2, verbose=0)
    assert history.epoch == [0, 1]


def test_whitened_values_are_not_correlated():
    rng = np.random.default_rng(0)
    images = (rng.normal(size=(40, 4)) @ rng.normal(size=(4, 4))).reshape(-1, 2, 2, 1)
    found = changed(images, fit=True, featurewise_center=True, zca_whitening=True)
    rows = found.reshape(40, 4)
    assert_allclose(rows.T @ rows / 40, np.eye(4), atol=1e-2)
    augmented = ImageDataGenerator(featurewise_center=True, vertical_flip=True)
    augmented.fit(images, augment=True, rounds=2, seed=0)
    assert_allclose(augmented.mean, images.mean(), rtol=1e-4)


@pytest.fixture
def folder(tmp_path):
    for i in range(4):
        image = np.full((4, 4, 3), 60 * i, "uint8")
        lamina.utils.save_img(tmp_path / f"{i}.png", image, scale=False)
    return tmp_path


NAMES = ["0.png", "1.png", "missing.png", "2.png", "3.png"]
COLUMNS = {
    "filename": NAMES,
    "class": ["b", "a", "a", "a", "b"],
    "many": [["b"], ["a", "b"], [], [], ["a"]],
    "size": [0.0, 1.0, 9.0, 2.0, 3.0],
}
TARGETS = [
    ("class", "categorical", [[0, 1], [1, 0], [1, 0], [0, 1]]),
    ("class", "binary", [1, 0, 0, 1]),
    ("class", "sparse", [1, 0, 0, 1]),
    ("many", "categorical", [[0, 1], [1, 1], [0, 0], [1, 0]]),
    ("size", "raw", [0, 1, 2, 3]),
    (["size", "size"], "raw", [[0, 0], [1, 1], [2, 2], [3, 3]]),
    ("class", "input", None),
    ("class", None, None),
]


@pytest.mark.parametrize(("column", "mode", "expected"), TARGETS)
def test_batches_of_a_data_frame(folder, column, mode, expected):
    frame = pd.DataFrame(COLUMNS)
    batches = ImageDataGenerator().flow_from_dataframe(
        frame, str(folder), y_col=column, class_mode=mode, shuffle=False
    )
    found = next(batches)
    images = found if mode is None else found[0]
    assert_allclose(images[:, 0, 0, 0], [0, 60, 120, 180])
    assert images.shape == (4, 256, 256, 3)
    if mode is not None:
        assert_allclose(found[1], images if expected is None else expected)
    assert batches.filenames == [name for name in NAMES if name != "missing.png"]


def test_data_frame_has_weights_subsets_and_several_outputs(folder):
    frame = pd.DataFrame(COLUMNS)
    generator = ImageDataGenerator(validation_split=0.25)
    batches = generator.flow_from_dataframe(
        frame, str(folder), weight_col="size", class_mode="sparse", subset="validation"
    )
    _, labels, weights = next(batches)
    assert (labels.tolist(), weights.tolist()) == ([1], [0])
    assert batches.class_indices == {"a": 0, "b": 1} and batches.classes.tolist() == [1]
    batches = generator.flow_from_dataframe(
        frame, str(folder), y_col=["size", "size"], class_mode="multi_output"
    )
    assert len(next(batches)) == 3


def test_unknown_modes_of_classes_are_refused(tmp_path):
    (tmp_path / "cat").mkdir()
    with pytest.raises(ArgumentError, match="class_mode='no' is not supported"):
        ImageDataGenerator().flow_from_directory(str(tmp_path), class_mode="no")


def test_images_are_their_targets(folder):
    batches = ImageDataGenerator(rescale=1 / 255).flow_from_directory(
        str(folder.parent), classes=[folder.name], class_mode="input", batch_size=2
    )
    x, y = next(batches)
    assert x is y and x.max() <= 1


def test_images_of_batches_are_written_to_a_folder(tmp_path):
    images = np.full((4, 3, 5, 3), 10.0, "float32")
    options = {"save_to_dir": str(tmp_path), "save_prefix": "a", "save_format": "png"}
    batches = ImageDataGenerator().flow(images, batch_size=2, shuffle=False, **options)
    next(batches)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name[:4] for name in names] == ["a_0_", "a_1_"]
    next(batches)
    assert len(list(tmp_path.glob("a_*.png"))) == 4
    size = lamina.utils.load_img(next(tmp_path.iterdir())).size
    assert size == (5, 3)
