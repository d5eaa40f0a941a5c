"""Weights from files, from addresses and of ImageNet."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from lamina import applications
from lamina.errors import DownloadError, FileFormatError, LikelyMistakeWarning

mobilenet = partial(applications.MobileNet, alpha=0.25)
SMALL = {"input_shape": (32, 32, 3), "classes": 3}


@pytest.fixture(scope="module")
def model():
    return mobilenet(weights=None, **SMALL)


def assert_equal_weights(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5", ".keras", ".safetensors"])
def test_weights_are_loaded_from_a_path(model, tmp_path, suffix):
    path = tmp_path / f"net{suffix}"
    (model.save if suffix == ".keras" else model.save_weights)(path)
    assert_equal_weights(mobilenet(weights=path, **SMALL), model)


def test_weights_are_loaded_from_an_address_once(model, web):
    model.save_weights(web.folder / "net.weights.h5")
    for _ in range(2):
        loaded = mobilenet(weights=web.address + "net.weights.h5", **SMALL)
        assert_equal_weights(loaded, model)
    assert web.requests == ["/net.weights.h5"]
    assert (web.cache / "models" / "net.weights.h5").is_file()


def test_weights_of_another_model_are_refused(model, tmp_path):
    path = tmp_path / "net.weights.h5"
    model.save_weights(path)
    with pytest.raises(ValueError, match="shape"):
        applications.MobileNet(weights=path, alpha=0.5, **SMALL)


def test_imagenet_weights_are_those_of_the_arguments(internet):
    body = mobilenet(weights=None, include_top=False, input_shape=(160, 160, 3))
    body.save_weights(internet.folder / "mobilenet_2_5_160_tf_no_top.h5")
    body.save_weights(internet.folder / "mobilenet_2_5_224_tf_no_top.h5")
    shaped = mobilenet(include_top=False, input_shape=(160, 160, 3))
    assert_equal_weights(shaped, body)
    assert shaped.name == "mobilenet_0.25_160"
    assert mobilenet(include_top=False).name == "mobilenet_0.25_224"
    with pytest.warns(LikelyMistakeWarning, match="for 224 pixels are loaded"):
        mobilenet(include_top=False, input_shape=(64, 64, 3))
    assert internet.requests == [
        "/mobilenet_2_5_160_tf_no_top.h5",
        "/mobilenet_2_5_224_tf_no_top.h5",
    ]


def test_a_file_with_another_hash_is_refused(internet):
    internet.put("convnext_tiny.h5", b"not the weights")
    with pytest.raises(FileFormatError, match="is not the expected one"):
        applications.ConvNeXtTiny()
    assert internet.requests == ["/convnext_tiny.h5"]


def test_a_missing_file_is_a_download_error(internet):
    with pytest.raises(DownloadError, match=r"vgg16_weights"):
        applications.VGG16()


def test_initial_weights_differ_between_layers_and_models():
    models = [applications.EfficientNetB0(weights=None, **SMALL) for _ in range(2)]
    kernels = [w for model in models for w in model.get_weights() if w.ndim > 1]
    assert len({kernel.tobytes() for kernel in kernels}) == len(kernels)
