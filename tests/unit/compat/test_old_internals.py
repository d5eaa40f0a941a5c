"""Functions of Keras 1 and 2 that were not public, but that programs imported."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from numpy.testing import assert_allclose

import lamina
from lamina.errors import ArgumentError

NAMES = [
    "keras.engine.topology.get_source_inputs",
    "keras.engine.topology.Container",
    "keras.engine.network.Network",
    "keras.engine.saving.load_model",
    "keras.utils.generic_utils.has_arg",
    "keras.utils.multi_gpu_utils.multi_gpu_model",
    "keras.utils.np_utils.convert_kernel",
    "keras.backend.common.floatx",
    "keras.datasets.data_utils.get_file",
    "keras.preprocessing.image.Iterator",
    "keras.applications.imagenet_utils._obtain_input_shape",
    "keras.initializations.get_fans",
    "tensorflow.python.keras.layers.Dense",
    "tensorflow.python.ops.math_ops.reduce_sum",
    "tensorflow.python.ops.array_ops.reshape",
    "tensorflow.python.ops.init_ops.glorot_normal_initializer",
    "tensorflow.python.ops.init_ops_v2.glorot_normal",
    "tensorflow.python.framework.tensor_shape.TensorShape",
    "keras.backend.tensorflow_backend._get_available_gpus",
    "tensorflow.python.framework.ops.convert_to_tensor",
    "tensorflow.python.client.device_lib.list_local_devices",
    "tensorflow.contrib.keras.layers.Dense",
]


@pytest.mark.parametrize("name", NAMES)
def test_name_is_found(name):
    module, _, attribute = name.rpartition(".")
    assert callable(getattr(importlib.import_module(module), attribute))


LENGTHS = [
    (length, size, padding, stride)
    for length in (7, 8)
    for size in (2, 3)
    for padding in ("valid", "same")
    for stride in (1, 2)
]


@pytest.mark.parametrize(("length", "size", "padding", "stride"), LENGTHS)
def test_lengths_are_those_of_layers(length, size, padding, stride):
    from keras.utils import conv_utils

    shape = lamina.layers.Conv1D(1, size, stride, padding).compute_output_shape(
        (1, length, 1)
    )
    found = conv_utils.conv_output_length(length, size, padding, stride)
    assert found == shape[1]
    layer = lamina.layers.Conv2DTranspose(1, size, stride, padding)
    shape = layer.compute_output_shape((1, length, length, 1))
    found = conv_utils.deconv_length(length, stride, size, padding)
    assert found == shape[1]


def test_arguments_of_convolutions_are_normalized():
    from keras.utils import conv_utils

    assert conv_utils.normalize_tuple(3, 2, "strides") == (3, 3)
    assert conv_utils.normalize_padding("SAME") == "same"
    assert conv_utils.normalize_data_format(None) == "channels_last"
    assert conv_utils.conv_input_length(3, 3, "valid", 2) == 7
    assert conv_utils.deconv_output_length(3, 2, "same", 1, 2) == 5
    kernel = np.arange(4.0).reshape(2, 2, 1, 1)
    assert conv_utils.convert_kernel(kernel).ravel().tolist() == [3, 2, 1, 0]
    for call in (
        lambda: conv_utils.normalize_tuple((1,), 2, "strides"),
        lambda: conv_utils.normalize_padding("none"),
        lambda: conv_utils.normalize_data_format("last"),
    ):
        with pytest.raises(ArgumentError, match="must be"):
            call()


def test_input_shape_of_a_model_of_images():
    from keras.applications.imagenet_utils import _obtain_input_shape as shape

    assert shape(None, 224, 48) == (224, 224, 3)
    assert shape(None, 224, 48, require_flatten=False) == (None, None, 3)
    assert shape(None, 8, 4, dim_ordering="th", include_top=True) == (3, 8, 8)
    assert shape((96, 96, 1), 224, 48) == (96, 96, 1)
    for given, options in (
        ((9, 9, 3), {}),
        ((None, 64, 3), {}),
        ((64, 64, 3), {"weights": "imagenet"}),
    ):
        with pytest.raises(ArgumentError):
            shape(given, 224, 48, **options)


def test_metrics_of_keras_1_are_of_one_batch():
    import keras

    true, guess = np.array([1.0, 1, 0, 0]), np.array([0.9, 0.2, 0.8, 0.1])
    metrics = keras.metrics
    assert_allclose(metrics.precision(true, guess), 0.5, atol=1e-6)
    assert_allclose(metrics.recall(true, guess), 0.5, atol=1e-6)
    assert_allclose(metrics.fmeasure(true, guess), 0.5, atol=1e-6)
    assert_allclose(metrics.fbeta_score(0 * true, guess, beta=2), 0)
    assert_allclose(metrics.matthews_correlation(true, true), 1, atol=1e-6)
    assert_allclose(metrics.matthews_correlation(true, guess), 0, atol=1e-6)
    with pytest.raises(ArgumentError, match="beta"):
        metrics.fbeta_score(true, guess, beta=-1)


IMAGE = np.random.default_rng(0).uniform(0, 200, (6, 8, 3)).astype("float32")
CHANGES = [
    ("random_rotation", (10,), {"row_axis": 0, "col_axis": 1, "channel_axis": 2}),
    ("random_shift", (0.2, 0.2), {"channel_axis": 2}),
    ("random_shear", (10,), {"channel_axis": 2}),
    ("random_zoom", ((0.5, 0.6),), {"channel_axis": 2}),
    ("random_channel_shift", (20,), {"channel_axis": 2}),
    ("random_brightness", ((0.5, 0.6),), {}),
]


@pytest.mark.parametrize(("name", "args", "options"), CHANGES)
def test_random_change_of_an_image(name, args, options):
    from keras.preprocessing import image

    np.random.seed(0)
    changed = getattr(image, name)(IMAGE, *args, **options)
    assert changed.shape == IMAGE.shape and not np.allclose(changed, IMAGE)
    np.random.seed(0)
    assert_allclose(getattr(image, name)(IMAGE, *args, **options), changed)


def test_transformations_of_an_image(tmp_path):
    from keras.preprocessing import image

    assert_allclose(image.flip_axis(IMAGE, 1), IMAGE[:, ::-1])
    matrix = image.transform_matrix_offset_center(np.eye(3), 6, 8)
    assert_allclose(image.apply_transform(IMAGE, matrix, 2), IMAGE, rtol=1e-5)
    path = tmp_path / "a.png"
    image.save_img(str(path), IMAGE)
    (tmp_path / "a.txt").write_text("")
    assert image.list_pictures(str(tmp_path)) == [str(path)]


def test_small_functions_of_keras_2():
    from keras.utils import generic_utils, layer_utils, test_utils

    assert generic_utils.has_arg(lambda a, **k: a, "a")
    assert generic_utils.has_arg(lambda a, **k: a, "b", accept_all=True)
    assert not generic_utils.has_arg(lambda a: a, "b")
    assert generic_utils.to_list(1) == generic_utils.to_list((1,), True) == [1]
    assert generic_utils.unpack_singleton([1]) == 1
    model = lamina.Sequential([lamina.Input((4, 4, 1)), lamina.layers.Conv2D(1, 2)])
    assert layer_utils.count_params(model.weights) == 5
    kernel = model.get_weights()[0]
    layer_utils.convert_all_kernels_in_model(model)
    assert_allclose(model.get_weights()[0], kernel[::-1, ::-1])
    (x, y), (x_test, _) = test_utils.get_test_data(8, 4, (3,))
    assert x.shape == (8, 3) and y.shape == (8,) and x_test.shape == (4, 3)
    (_, y), _ = test_utils.get_test_data(8, 4, (3,), (2,), classification=False)
    assert y.shape == (8, 2)
    config = {"class_name": "Dense", "config": {"units": 2}}
    assert importlib.import_module("keras.models").model_from_config(config).units == 2


def test_vectors_of_known_words_are_kept(tmp_path):
    import keras

    known = tmp_path / "words.txt"
    known.write_text("a\nb\n")
    found = keras.utils.warmstart_embedding_matrix(
        str(known), ["b", "c"], np.array([[1.0, 2.0], [3.0, 4.0]]), "zeros"
    )
    assert found.tolist() == [[3, 4], [0, 0]]
    found = keras.utils.warmstart_embedding_matrix(["a"], ["b"], np.ones((1, 2)))
    assert abs(found).max() <= 0.05
