"""Paths within `keras.src` lead to the public objects of the same names."""

from __future__ import annotations

import importlib
import io
import sys

import numpy as np
import pytest

import lamina
from lamina import compat
from lamina.compat.source import SOURCE_NAMES

# Paths of Keras 3.15.1, and the public names of the same objects.
SAME = [
    ("activations.activations.relu", "activations.relu"),
    ("applications.resnet.ResNet50", "applications.ResNet50"),
    ("backend.KerasTensor", "KerasTensor"),
    ("backend.common.stateless_scope.StatelessScope", "StatelessScope"),
    ("backend.common.variables.standardize_dtype", "backend.standardize_dtype"),
    ("backend.config.floatx", "config.floatx"),
    ("callbacks.callback.Callback", "callbacks.Callback"),
    ("callbacks.early_stopping.EarlyStopping", "callbacks.EarlyStopping"),
    ("datasets.mnist.load_data", "datasets.mnist.load_data"),
    ("dtype_policies.dtype_policy.DTypePolicy", "DTypePolicy"),
    ("initializers.random_initializers.HeNormal", "initializers.HeNormal"),
    (
        "layers.attention.grouped_query_attention.GroupedQueryAttention",
        "layers.GroupQueryAttention",
    ),
    ("layers.convolutional.conv2d.Conv2D", "layers.Conv2D"),
    ("layers.core.dense.Dense", "layers.Dense"),
    ("layers.layer.Layer", "Layer"),
    (
        "layers.preprocessing.image_preprocessing.bounding_boxes.iou.compute_iou",
        "utils.bounding_boxes.compute_iou",
    ),
    ("losses.losses.MeanSquaredError", "losses.MeanSquaredError"),
    ("metrics.accuracy_metrics.Accuracy", "metrics.Accuracy"),
    ("models.functional.Functional", "models.Functional"),
    ("ops.numpy.matmul", "ops.matmul"),
    ("optimizers.adam.Adam", "optimizers.Adam"),
    (
        "optimizers.schedules.learning_rate_schedule.CosineDecay",
        "optimizers.schedules.CosineDecay",
    ),
    ("random.seed_generator.SeedGenerator", "random.SeedGenerator"),
    (
        "saving.object_registration.register_keras_serializable",
        "saving.register_keras_serializable",
    ),
    (
        "trainers.data_adapters.py_dataset_adapter.PyDataset",
        "utils.PyDataset",
    ),
    ("tree.tree_api.map_structure", "tree.map_structure"),
    ("utils.numerical_utils.to_categorical", "utils.to_categorical"),
]
MISSING = [
    "from keras.src.layers import Missing",
    "from keras.src.losses.losses import Missing",
    "from keras.src.layers import missing_layers",
    "import keras.src.layers.core.missing",
    "import keras.src.missing",
    "from keras.src.losses import dense",
]


@pytest.fixture(autouse=True)
def _installed():
    with compat.installed(quiet=True):
        yield


def lookup(root: str, path: str) -> object:
    module, _, name = f"{root}.{path}".rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize(("source", "public"), SAME)
def test_names_of_the_source_are_the_public_objects(source, public):
    assert lookup("keras.src", source) is lookup("lamina", public)


@pytest.mark.parametrize("path", SOURCE_NAMES)
def test_names_without_public_counterpart_are_importable(path):
    assert callable(lookup("keras.src", path))


@pytest.mark.parametrize("statement", MISSING)
def test_missing_names_of_the_source_raise_import_errors(statement):
    with pytest.raises(ImportError, match="keras.src"):
        exec(statement, {})


def test_star_import_gives_the_public_names():
    names: dict[str, object] = {}
    exec("from keras.src.ops import *", names)
    assert set(lamina.ops.__all__) <= names.keys()


def test_masks_of_the_source_are_those_of_layers():
    backend = importlib.import_module("keras.src.backend")
    tokens = np.array([[1, 2, 0]])
    out = lamina.layers.Embedding(3, 2, mask_zero=True)(tokens)
    assert np.asarray(backend.get_keras_mask(out)).tolist() == [[True, True, False]]
    backend.set_keras_mask(out, None)
    assert backend.get_keras_mask(out) is None


def test_models_are_saved_to_binary_files():
    saving_lib = importlib.import_module("keras.src.saving.saving_lib")
    model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
    file = io.BytesIO()
    saving_lib.save_model(model, file)
    file.seek(0)
    loaded = saving_lib.load_model(file)
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])


def test_arrays_of_layers_are_stored_in_hdf5_files(tmp_path):
    saving_lib = importlib.import_module("keras.src.saving.saving_lib")
    path = str(tmp_path / "layer.lora.h5")
    store = saving_lib.H5IOStore(path, mode="w")
    store.make("lora")["rank"] = 4
    store.make("lora/0")["kernel"] = lamina.Variable([1.0, 2.0])
    store.close()
    store = saving_lib.H5IOStore(path)
    assert int(store.get("lora")["rank"][()]) == 4
    assert store.get("lora/0")["kernel"][()].tolist() == [1.0, 2.0]
    store.close()


def test_class_weights_become_sample_weights():
    utils = importlib.import_module(
        "keras.src.trainers.data_adapters.data_adapter_utils"
    )
    weights = utils.class_weight_to_sample_weights([0, 1, 1], {1: 3.0})
    assert weights.tolist() == [1.0, 3.0, 3.0]


def test_safe_mode_holds_while_a_file_is_read(tmp_path):
    serialization = importlib.import_module("keras.src.saving.serialization_lib")
    seen = []

    class Asks(lamina.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            seen.append(serialization.in_safe_mode())

        def call(self, inputs):
            return inputs

    path = tmp_path / "model.keras"
    lamina.Sequential([lamina.Input((2,)), Asks()]).save(path)
    lamina.saving.load_model(path, custom_objects={"Asks": Asks})
    assert seen == [False, True]


def test_items_of_configs_pass_a_function_that_replaces_that_of_keras(monkeypatch):
    """Packages replace the function in its module to read types from names."""
    saving = importlib.import_module("keras.saving")
    original = saving.deserialize_keras_object

    def replaced(config, *args, **kwargs):
        return float if config == "type:float" else original(config, *args, **kwargs)

    module = sys.modules[original.__module__]
    monkeypatch.setattr(module, original.__name__, replaced)
    config = {
        "a": ["type:float", 2],
        "b": saving.serialize_keras_object(lamina.layers.Dense(3)),
    }
    found = original(config)
    assert found["a"] == [float, 2]
    assert found["b"].units == 3


def test_methods_of_keras_layers_that_packages_use():
    layer = lamina.layers.MultiHeadAttention(2, 4)
    x = np.ones((1, 3, 8), "float32")
    expected = layer(x, x)
    heads = [layer._query_dense(x), layer._key_dense(x), layer._value_dense(x)]
    outputs, weights = layer._compute_attention(*heads)
    np.testing.assert_allclose(layer._output_dense(outputs), expected, atol=1e-6)
    assert weights is None
    mask = np.tril(np.ones((1, 3, 3), bool))
    _, weights = layer._compute_attention(*heads, mask, return_attention_scores=True)
    np.testing.assert_allclose(np.asarray(weights)[0, 0, 0], [1, 0, 0], atol=1e-6)
    model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
    assert model.weights[0]._value is model.weights[0].value
    below = model._flatten_layers(include_self=False)
    assert model not in below
    assert model.layers[0] in below
    model.compile("sgd", "mse")
    assert model._loss_tracker.name == "loss"
    model.layers[0].size = lamina.metrics.Mean()
    assert model.layers[0]._metrics == [model.layers[0].size]
    model.layers[0]._metrics = []
    assert model.layers[0]._metrics == []


def test_module_objects_are_found_by_their_names():
    saving = importlib.import_module("keras.saving")
    config = {"class_name": "thin", "config": {"units": 3, "name": "thin"}}
    layer = saving.deserialize_keras_object(
        config, module_objects={"thin": lamina.layers.Dense}
    )
    assert layer.units == 3


def test_the_version_is_that_of_keras():
    assert importlib.import_module("keras").version().startswith("3.")
