"""Arguments of the image models."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import lamina
from lamina import applications, config
from lamina.applications import nasnet
from lamina.applications.architecture import check
from lamina.errors import ArgumentError, LikelyMistakeWarning

IMAGENET = {"weights": "imagenet"}
RANDOM = {"weights": None}
HEADLESS = {"include_top": False}
BAD = [
    (
        "VGG16",
        {"weights": "no file"},
        "`weights` must be None, 'imagenet', or the path",
    ),
    ("VGG16", {**IMAGENET, "classes": 10}, "`classes` must be 1000 for weights"),
    ("VGG16", {**IMAGENET, "classifier_activation": "relu"}, "must be 'softmax' or"),
    ("VGG16", {**IMAGENET, "input_shape": (64, 64, 3)}, "the size of the ImageNet"),
    ("VGG16", {**IMAGENET, **HEADLESS, "input_shape": (64, 64, 4)}, "with 3 channels"),
    ("ResNet50", {**RANDOM, "input_shape": (31, 64, 3)}, "at least 32 pixels"),
    ("Xception", {**RANDOM, "input_shape": (80, 70, 3)}, "at least 71 pixels"),
    ("InceptionV3", {**RANDOM, "input_shape": (74, 80, 3)}, "at least 75 pixels"),
    ("ResNet50", {**RANDOM, "input_shape": (None, None, 3)}, "a shape of known sizes"),
    ("ResNet50", {**RANDOM, "input_shape": (64, 64)}, "must be three sizes"),
    ("ResNet50", {**RANDOM, "input_shape": (64, 64, None)}, "known number of channels"),
    ("ResNet50", {**RANDOM, **HEADLESS, "pooling": "sum"}, "None, 'avg' or 'max'"),
    ("ResNet50", {**RANDOM, "input_tensor": np.zeros((1, 64, 64, 3))}, "symbolic"),
    ("ResNet50", {**RANDOM, "input_shape": 64}, "a tuple of sizes"),
    ("MobileNetV2", {**RANDOM, "input_shape": "abc"}, "a tuple of sizes"),
    ("NASNetMobile", {"weights": np.zeros(3)}, "`weights` must be None, 'imagenet'"),
    ("MobileNetV2", {**RANDOM, "alpha": -1}, "a number greater than 0"),
    ("MobileNetV3Small", {**RANDOM, "alpha": None}, "a number greater than 0"),
    ("MobileNet", {**IMAGENET, "alpha": 0.3}, "`alpha` must be one of 0.25, 0.5"),
    ("MobileNet", {**IMAGENET, "depth_multiplier": 2}, "`depth_multiplier` must be"),
    ("MobileNetV2", {**IMAGENET, "alpha": 0.25}, "`alpha` must be one of 0.35, 0.5"),
    (
        "MobileNetV3Small",
        {**IMAGENET, "minimalistic": True, "alpha": 0.75},
        "`alpha` must be one of 1.0",
    ),
    ("MobileNetV3Large", {**RANDOM, "input_shape": (16, 16, 3)}, "at least 32 pixels"),
    ("MobileNetV3Large", {**RANDOM, "input_shape": (64, 64)}, "must be three sizes"),
    ("MobileNetV3Large", {**IMAGENET, "input_shape": (64, 64, 1)}, "with 3 channels"),
    (
        "NASNetMobile",
        {**IMAGENET, **HEADLESS, "input_shape": (None, None, 3)},
        "known sizes for weights",
    ),
]


@pytest.mark.parametrize(("title", "arguments", "message"), BAD)
def test_invalid_arguments_are_refused(title, arguments, message):
    with pytest.raises(ArgumentError, match=message) as caught:
        getattr(applications, title)(**arguments)
    assert str(caught.value).startswith(title)


def test_unknown_arguments_are_refused():
    with pytest.raises(TypeError, match=r"^VGG16\(include_top, .*argument 'weight'"):
        applications.VGG16(weight=None)


@pytest.mark.parametrize("title", ["MobileNetV2", "MobileNetV3Small"])
def test_contradictory_sizes_are_refused(title):
    images = lamina.Input((64, 64, 3))
    with pytest.raises(ArgumentError, match="Make them equal"):
        getattr(applications, title)(
            weights=None, input_tensor=images, input_shape=(96, 96, 3)
        )


@pytest.mark.parametrize("title", ["DenseNet121", "NASNetMobile", "ConvNeXtTiny"])
def test_channels_first_is_refused_where_keras_refuses_it(title):
    config.set_image_data_format("channels_first")
    with pytest.raises(ArgumentError, match="channels last"):
        getattr(applications, title)(weights=None)


def test_unusual_channels_are_a_warning():
    with pytest.warns(LikelyMistakeWarning, match="has 4"):
        model = applications.MobileNet(
            (64, 64, 4), 0.25, include_top=False, weights=None
        )
    assert model.input_shape == (None, 64, 64, 4)


def test_layers_before_the_input_tensor_are_part_of_the_model():
    images = lamina.Input((64, 64, 1), name="scan")
    colors = lamina.layers.Conv2D(3, 1, name="colors")(images)
    model = applications.MobileNet(
        weights=None, alpha=0.25, input_tensor=colors, pooling="max", include_top=False
    )
    assert [layer.name for layer in model.layers[:3]] == ["scan", "colors", "conv1"]
    assert model.output_shape == (None, 256)


def test_only_nasnet_mobile_has_a_fixed_size_without_classifier(monkeypatch):
    monkeypatch.setattr(nasnet, "build", check)
    headless = {"weights": None, "include_top": False}
    assert applications.NASNetMobile(**headless) == (224, 224, 3)
    assert applications.NASNetLarge(**headless) == (None, None, 3)


def test_functions_are_documented_and_named_after_their_module():
    assert applications.VGG16.__name__ == "VGG16"
    assert applications.VGG16.__module__ == "lamina.applications.vgg16"
    text = applications.EfficientNetB3.__doc__
    assert "(300, 300, 3)" in text
    assert max(map(len, text.splitlines())) <= 88


def test_applications_are_imported_on_first_use():
    code = (
        "import sys, lamina; assert 'lamina.applications' not in sys.modules; "
        "assert 'applications' in dir(lamina); print(lamina.applications.vgg16.VGG16)"
    )
    output = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert "VGG16" in output
