"""Random image layers: distributions, pairing of images, masks and boxes, seeds."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import jax
import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.errors import ArgumentError, ShapeError
from tests.tables.arrays import floats

PIXELS = floats(2, 6, 8, 3, low=0, high=255)
XYXY = {"bounding_box_format": "xyxy"}
# One row for each of many images, so that a share has a small deviation.
MANY = np.broadcast_to(np.arange(4.0, dtype="float32")[:, None], (400, 1, 4, 1))


def drawn(layer, key, batch=400, size=8):
    images = jax.ShapeDtypeStruct((batch, size, size, 3), "float32")
    return np.asarray(layer.get_random_transformation(images)[key])


@pytest.mark.parametrize(
    ("layer", "key", "low", "high"),
    [
        (layers.RandomBrightness(0.2, seed=1), "rgb_delta", -51, 51),
        (layers.RandomContrast((0.2, 0.4), seed=1), "contrast_factor", 0.8, 1.4),
        (layers.RandomHue(0.4, seed=1), "factor", -0.2, 0.2),
        (layers.RandomSharpness((0.3, 0.7), seed=1), "factor", 0.3, 0.7),
        (layers.RandomPosterization((2, 6), seed=1), "shift_factor", 3, 6),
        (layers.Solarization((0.2, 0.4), seed=1), "additions", 51, 102),
        (layers.RandomRotation(0.25, seed=1), "angle", -90, 90),
        (layers.RandomTranslation(0.5, 0.5, seed=1), "translations", -4, 4),
        (layers.RandomZoom((-0.5, 0.2), seed=1), "height_zoom", 0.5, 1.2),
        (layers.RandomShear(0.2, 0.2, seed=1), "shear_factor", -0.2, 0.2),
        (layers.RandomCrop(4, 4, seed=1), "starts", 0, 4),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, layers.Layer) else None,
)
def test_parameters_fill_their_range(layer, key, low, high):
    values = drawn(layer, key)
    assert values.min() >= low and values.max() <= high
    assert values.min() < low + 0.1 * (high - low)
    assert values.max() > high - 0.1 * (high - low)
    # Five deviations of a uniform mean, a few percent of the range.
    assert abs(values.mean() - (low + high) / 2) < 0.1 * (high - low)


@pytest.mark.parametrize(
    ("layer", "key", "share"),
    [
        (layers.RandomFlip(seed=1), "flips", 0.5),
        (layers.RandomInvert((0.3, 0.3), seed=1), "apply_inversion", 0.3),
        (layers.RandomInvert(1.0, seed=1), "apply_inversion", 0.5),
        (layers.RandomGrayscale(0.8, seed=1), "should_apply", 0.8),
        (layers.RandomGaussianBlur((0.6, 0.6), seed=1), "should_apply_blur", 0.6),
        (layers.RandomPerspective((0.2, 0.2), seed=1), "apply_perspective", 0.2),
        (layers.RandomErasing((0.7, 0.7), seed=1), "apply_erasing", 0.7),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, layers.Layer) else None,
)
def test_share_of_changed_images_is_the_probability(layer, key, share):
    assert abs(drawn(layer, key).mean() - share) < 0.12  # five deviations of 400 draws


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("kind", [layers.RandomHue, layers.RandomSaturation])
@pytest.mark.parametrize("value_range", [(0, 255), (0, 1), (-1, 1)], ids=str)
def test_colors_of_16_bits_are_computed_in_float32(kind, dtype, value_range):
    images = floats(2, 6, 8, 3, low=value_range[0], high=value_range[1]).astype(dtype)
    layer = kind(0.5, value_range, seed=1, dtype=dtype)
    transformation = layer.get_random_transformation(images)
    result = layer.transform_images(images, transformation)
    precise = kind(0.5, value_range).transform_images(images, transformation)
    np.testing.assert_array_equal(result, precise.astype(dtype))


def test_flip_decides_about_each_direction():
    flips = drawn(layers.RandomFlip(seed=1), "flips")
    for pair in ([0, 0], [0, 1], [1, 0], [1, 1]):
        assert abs((flips == pair).all(1).mean() - 0.25) < 0.11


def test_cut_mix_weight_is_the_share_of_the_image():
    layer = layers.CutMix(seed=2)
    images = np.zeros((50, 40, 40, 1), "float32")
    images[1::2] = 1.0
    labels = np.concatenate([1 - images[:, 0, 0], images[:, 0, 0]], 1)
    mixed = layer({"images": images, "labels": labels})
    share = np.asarray(mixed["images"]).mean((1, 2, 3))
    # The edges of the rectangle are rounded to pixels.
    np.testing.assert_allclose(mixed["labels"][:, 1], share, atol=0.06)


# An image with one bright square, which a box surrounds and a mask marks.
def square(size=32, low=10, high=18):
    images = np.zeros((8, size, size, 1), "float32")
    images[:, low:high, low + 2 : high + 2] = 200.0
    boxes = np.array([low + 2, low, high + 2, high], "float32")
    return {
        "images": images,
        "segmentation_masks": (images > 0).astype("int32"),
        "bounding_boxes": {
            "boxes": np.broadcast_to(boxes, (8, 1, 4)),
            "labels": np.ones((8, 1), "int32"),
        },
    }


@pytest.mark.parametrize(
    "layer",
    [
        layers.RandomFlip(seed=3, **XYXY),
        layers.RandomRotation(0.5, "constant", seed=3, **XYXY),
        layers.RandomTranslation(0.2, 0.2, "constant", seed=3, **XYXY),
        layers.RandomZoom(0.3, 0.2, "constant", seed=3, **XYXY),
        layers.RandomShear(0.2, 0.1, fill_mode="constant", seed=3, **XYXY),
        layers.RandomPerspective((1.0, 1.0), 0.4, seed=3, **XYXY),
        layers.RandomCrop(24, 26, seed=3, **XYXY),
        layers.CenterCrop(26, 24, **XYXY),
        layers.Resizing(48, 40, **XYXY),
        layers.Resizing(40, 20, pad_to_aspect_ratio=True, **XYXY),
        layers.Resizing(40, 20, crop_to_aspect_ratio=True, **XYXY),
        layers.RandAugment((0, 255), 1, 0.1, seed=1, **XYXY),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_masks_and_boxes_follow_the_image(layer):
    sample = square()
    if isinstance(layer, layers.RandAugment):
        layer.layer_names = layer.layer_names[:3]  # those that move pixels
    moved = jax.jit(layer)(sample)
    images, masks = (np.asarray(moved[k]) for k in ("images", "segmentation_masks"))
    assert masks.dtype == np.int32
    bright = images > 100
    # Interpolation and nearest neighbors may disagree about the edge.
    assert (bright != (masks > 0)).sum((1, 2, 3)).max() <= 0.4 * masks.sum(
        (1, 2, 3)
    ).max()
    for mask, box in zip(
        masks, np.asarray(moved["bounding_boxes"]["boxes"]), strict=True
    ):
        rows, columns = np.nonzero(mask[..., 0])
        found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(box[0], found, atol=2.01)


def test_label_of_a_box_that_leaves_the_image_is_minus_one():
    layer = layers.RandomTranslation((1.0, 1.0), (0.0, 0.0), **XYXY)
    boxes = layer(square())["bounding_boxes"]
    assert np.asarray(boxes["labels"]).tolist() == [[-1]] * 8


def test_elastic_transform_moves_image_and_mask_alike():
    sample = square()
    del sample["bounding_boxes"]
    moved = layers.RandomElasticTransform((1.0, 1.0), (1.0, 1.0), seed=1)(sample)
    images, masks = (np.asarray(moved[k]) for k in ("images", "segmentation_masks"))
    assert not np.array_equal(masks, sample["segmentation_masks"])
    assert ((images > 100) != (masks > 0)).mean() < 0.02


def test_layer_takes_one_image_with_its_boxes():
    sample = jax.tree.map(lambda x: x[0], square())
    moved = layers.RandomFlip("horizontal", seed=2, **XYXY)(sample)
    assert moved["images"].shape == sample["images"].shape
    assert moved["bounding_boxes"]["boxes"].shape == (1, 4)


def test_data_format_may_be_in_upper_case():
    layer = layers.CenterCrop(1, 2, data_format="CHANNELS_LAST")
    assert layer(np.zeros((1, 2, 4, 3))).shape == (1, 1, 2, 3)


def test_boxes_are_cut_and_padded():
    layer = layers.MaxNumBoundingBoxes(2, **XYXY)
    padded = layer(square())["bounding_boxes"]
    assert padded["boxes"].shape == (8, 2, 4)
    assert np.asarray(padded["labels"][0]).tolist() == [1, -1]
    cut = layers.MaxNumBoundingBoxes(1, **XYXY)(square())["bounding_boxes"]
    assert cut["boxes"].shape == (8, 1, 4)


def test_bytes_are_taken_and_other_entries_stay():
    sample = {"images": PIXELS.astype("uint8"), "id": np.array([3, 4])}
    changed = layers.RandomBrightness((0.5, 0.5))(sample)
    expected = np.clip(sample["images"] + 127.5, 0, 255)
    np.testing.assert_allclose(changed["images"], expected)
    assert np.asarray(changed["id"]).tolist() == [3, 4]


def test_mixed_precision_does_not_round_boxes():
    sample = square(size=300)
    layer = layers.RandomFlip("vertical", seed=1, dtype="mixed_bfloat16", **XYXY)
    sample["bounding_boxes"]["boxes"] = np.full((8, 1, 4), [1, 100.25, 9, 299.25], "f4")
    boxes = np.asarray(layer(sample)["bounding_boxes"]["boxes"])
    assert set(boxes[:, 0, 1].tolist()) <= {100.25, 0.75}


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.RandomFlip(seed=3, **XYXY),
        lambda: layers.RandomCrop(5, 4, seed=3, **XYXY),
        lambda: layers.RandAugment(seed=3, **XYXY),
        lambda: layers.RandomColorJitter(brightness_factor=0.3, seed=3, **XYXY),
        lambda: layers.Resizing(4, 5, **XYXY),
    ],
)
def test_compiled_calls_draw_and_compute_as_eager_ones(make):
    layer, eager = make(), make()
    for training in (True, False, True):
        result = layer(square(), training=training)
        with jax.disable_jit():
            expected = eager(square(), training=training)
        jax.tree.map(
            lambda x, y: np.testing.assert_allclose(x, y, 1e-4, 1e-2), result, expected
        )


def test_compiled_call_follows_attributes_and_copies():
    layer = layers.RandomBrightness((0.1, 0.1))
    np.testing.assert_allclose(layer(np.zeros((4, 4, 3))), 25.5)
    layer.factor = (0.2, 0.2)
    for twin in (layer, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_allclose(twin(np.zeros((4, 4, 3))), 51)


def test_subclass_may_use_numpy_in_eager_calls():
    class Plus(layers.RandomFlip):
        def transform_images(self, images, transformation=None, training=True):
            return np.asarray(images) + 1

    np.testing.assert_array_equal(Plus()(PIXELS), PIXELS + 1)


def test_compiled_layer_is_released():
    layer = layers.RandomFlip()
    layer(PIXELS)
    reference = weakref.ref(layer)
    del layer
    gc.collect()
    assert reference() is None


def model_with(*augmentation):
    return lamina.Sequential(
        [lamina.Input((6, 8, 3)), *augmentation, layers.Flatten(), layers.Dense(1)]
    )


def test_training_repeats_and_resumes_with_the_same_bits(tmp_path):
    x, y = floats(24, 6, 8, 3, low=0, high=255), floats(24, 1)

    def train(folder, *epochs):
        for last in epochs:
            lamina.utils.set_random_seed(5)
            model = model_with(
                layers.RandomFlip(),
                layers.RandomRotation(0.1),
                layers.RandomContrast(0.4),
            )
            model.compile("sgd", "mse")
            model.fit(x / 255, y, 8, epochs=last, verbose=0, resume=folder)
        return model.get_weights()

    for one, other in zip(
        train(tmp_path / "whole", 4), train(tmp_path / "parts", 2, 4), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_prediction_does_not_augment():
    lamina.utils.set_random_seed(1)
    model = model_with(
        layers.RandomFlip(), layers.RandomZoom(0.5), layers.RandomHue(0.5)
    )
    rest = lamina.Sequential([lamina.Input((6, 8, 3)), *model.layers[-2:]])
    np.testing.assert_array_equal(
        model.predict(PIXELS, verbose=0), rest.predict(PIXELS, verbose=0)
    )


def test_pipeline_is_saved_and_has_a_mode():
    pipeline = layers.Pipeline(
        [layers.RandomBrightness((0.1, 0.1)), layers.Resizing(4, 5)]
    )
    twin = layers.Pipeline.from_config(pipeline.get_config())
    np.testing.assert_array_equal(pipeline(PIXELS), twin(PIXELS))
    inference = pipeline(PIXELS, training=False)
    np.testing.assert_array_equal(inference, layers.Resizing(4, 5)(PIXELS))


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ShapeError, "3 axes", lambda: layers.RandomFlip()(PIXELS[0, 0])),
        (ArgumentError, "'xyxy'", lambda: layers.RandomFlip()(square())),
        (ArgumentError, "cannot", lambda: layers.CutMix(**XYXY)(square())),
        (ArgumentError, "factor", lambda: layers.RandomHue(1.5)),
        (ArgumentError, "value_range", lambda: layers.RandomHue(0.5, 255)),
        (ShapeError, "3 channels", lambda: layers.RandomHue(0.5)(np.ones((4, 4, 4)))),
        (
            ShapeError,
            "RandomSaturation.*3 channels",
            lambda: layers.RandomSaturation(0.5)(PIXELS[..., :1]),
        ),
        (ArgumentError, "kernel_size", lambda: layers.RandomGaussianBlur(1.0, 4)),
        (ArgumentError, "mode", lambda: layers.RandomFlip("left")),
        (ArgumentError, "fill_mode", lambda: layers.RandomZoom(0.1, fill_mode="x")),
        (
            ArgumentError,
            "dictionary",
            lambda: layers.RandomFlip(**XYXY)(
                {"images": PIXELS, "bounding_boxes": np.zeros((2, 1, 4))}
            ),
        ),
    ],
)
def test_mistake_is_refused(error, message, call):
    with pytest.raises(error, match=message):
        call()
