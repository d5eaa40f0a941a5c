"""Preparation of images, and the names of classes."""

from __future__ import annotations

import hashlib
import json

import jax.numpy as jnp
import numpy as np
import pytest

import lamina
from lamina import applications, layers
from lamina.applications import imagenet_utils
from lamina.applications.imagenet_utils import decode_predictions, preprocess_input
from lamina.errors import ArgumentError, ShapeError
from tests.tables.arrays import floats

MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
FORMULAS = {
    "caffe": lambda x: x[..., ::-1] - [103.939, 116.779, 123.68],
    "tf": lambda x: x / 127.5 - 1,
    "torch": lambda x: (x / 255 - MEAN) / DEVIATION,
}
IMAGES = floats(2, 4, 3, 3, low=0, high=255)


def assert_near(actual, expected):
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("mode", FORMULAS)
@pytest.mark.parametrize("images", [IMAGES, IMAGES[0]], ids=["batch", "image"])
@pytest.mark.parametrize("array", [np.array, jnp.asarray, np.uint8, jnp.uint8])
def test_modes_compute_their_formulas(mode, images, array):
    expected = FORMULAS[mode](np.asarray(array(images), "float64"))
    assert_near(preprocess_input(array(images), mode=mode), expected)
    first = np.moveaxis(np.asarray(images), -1, -3)
    got = preprocess_input(array(first), "channels_first", mode)
    assert_near(np.moveaxis(np.asarray(got), -3, -1), expected)


@pytest.mark.parametrize("mode", FORMULAS)
def test_symbolic_images_are_prepared_in_the_model(mode):
    inputs = lamina.Input(IMAGES.shape[1:])
    model = lamina.Model(inputs, preprocess_input(inputs, mode=mode))
    assert_near(model(IMAGES), FORMULAS[mode](IMAGES))


def test_half_precision_is_kept():
    inputs = lamina.Input((4, 4, 3), dtype="float16")
    for mode in FORMULAS:
        assert preprocess_input(inputs, mode=mode).dtype == "float16"


def test_numpy_floats_change_in_place_and_others_do_not():
    images, integers = IMAGES.copy(), IMAGES.astype("uint8")
    preprocess_input(images, mode="tf")
    preprocess_input(integers, mode="tf")
    assert_near(images, FORMULAS["tf"](IMAGES))
    assert integers.max() > 1


def test_modules_have_the_mode_of_their_models():
    modes = {"vgg16": "caffe", "resnet50": "caffe", "nasnet": "tf", "densenet": "torch"}
    for module, mode in modes.items():
        prepare = getattr(applications, module).preprocess_input
        assert_near(prepare(IMAGES.copy()), FORMULAS[mode](IMAGES))
    for module in ("convnext", "efficientnet", "efficientnet_v2", "mobilenet_v3"):
        assert getattr(applications, module).preprocess_input(IMAGES) is IMAGES


@pytest.mark.parametrize("argument", ["mode", "data_format"])
def test_unknown_names_are_refused(argument):
    with pytest.raises(ArgumentError, match=f"`{argument}` must be '"):
        preprocess_input(IMAGES.copy(), **{argument: "unknown"})


@pytest.fixture
def class_names(internet, monkeypatch):
    names = {str(i): [f"n{i:08}", f"animal {i}"] for i in range(1000)}
    content = json.dumps(names).encode()
    internet.put("imagenet_class_index.json", content)
    digest = hashlib.md5(content).hexdigest()
    index = imagenet_utils._CLASS_INDEX[0], digest
    monkeypatch.setattr(imagenet_utils, "_CLASS_INDEX", index)
    imagenet_utils._imagenet_classes.cache_clear()
    yield internet
    imagenet_utils._imagenet_classes.cache_clear()


def test_predictions_are_decoded_best_first_with_names_downloaded_once(class_names):
    scores = np.zeros((2, 1000), "float32")
    scores[0, [3, 7, 999]] = 0.2, 0.5, 0.3
    scores[1, 0] = 1
    first, second = decode_predictions(jnp.asarray(scores), top=3)
    assert [item[:2] for item in first] == [
        ("n00000007", "animal 7"),
        ("n00000999", "animal 999"),
        ("n00000003", "animal 3"),
    ]
    np.testing.assert_allclose([item[2] for item in first], [0.5, 0.3, 0.2])
    assert second[0] == ("n00000000", "animal 0", 1.0)
    assert applications.vgg16.decode_predictions(scores)[0][0] == first[0]
    assert class_names.requests == ["/imagenet_class_index.json"]


@pytest.mark.parametrize("shape", [(1000,), (1, 10)])
def test_predictions_of_another_shape_are_refused(shape):
    with pytest.raises(ShapeError, match=r"must have the shape \(batch, 1000\)"):
        decode_predictions(np.zeros(shape))


def test_lambda_layers_prepare_images():
    layer = layers.Lambda(lambda x: preprocess_input(x, mode="torch"))
    assert_near(layer(IMAGES), FORMULAS["torch"](IMAGES))
