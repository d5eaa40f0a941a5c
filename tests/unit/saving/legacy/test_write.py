"""Files in the layout of Keras 2 hold all of a model, where Keras looks for it.

`tools.interchange` has Keras read them.
"""

from __future__ import annotations

import json
import logging

import h5py
import jax
import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.callbacks import ModelCheckpoint
from lamina.errors import ArgumentError
from lamina.saving.legacy import write as legacy_write
from tests.oracles.observe import draw_weights
from tests.tables.cases import named
from tests.tables.graphs import GRAPHS
from tests.tables.models import MODELS

X, Y = np.linspace(-1, 1, 32).reshape(8, 4), np.arange(16.0).reshape(8, 2) / 16


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.h5"


def nested():
    """A graph with a stack inside, which is frozen in part."""
    inputs = lamina.Input((4,), name="x")
    inner = lamina.Sequential(name="inner")
    inner.add(layers.Input((4,)))
    inner.add(layers.Dense(3, name="d", trainable=False))
    inner.add(layers.BatchNormalization(name="n"))
    inner.add(layers.Dense(4, name="e"))
    hidden = inner(inputs) + inputs
    model = lamina.Model(inputs, layers.Dense(2, name="out")(hidden), name="outer")
    model.compile(
        lamina.optimizers.Adam(lamina.optimizers.schedules.CosineDecay(0.1, 50)),
        "mse",
        metrics=["mae", lamina.metrics.MeanSquaredError(name="again")],
    )
    model.fit(X, Y, verbose=0)
    return model


def assert_same_weights(one, other):
    for left, right in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_training_resumes_from_file(path):
    model = nested()
    model.save(path)
    again = lamina.models.load_model(path)
    # A loss has this name too.
    assert isinstance(again.metrics[-1], lamina.metrics.MeanSquaredError)
    for _ in range(2):
        assert_same_weights(model, again)
        for one, other in zip(
            model.optimizer.variables, again.optimizer.variables, strict=True
        ):
            np.testing.assert_array_equal(one, other)
        assert model.evaluate(X, Y, verbose=0) == again.evaluate(X, Y, verbose=0)
        model.fit(X, Y, shuffle=False, verbose=0)
        again.fit(X, Y, shuffle=False, verbose=0)


CASES = [case for case in (*MODELS, *GRAPHS) if case.name != "subclassed"]


@pytest.mark.parametrize("case", named(CASES))
def test_every_model_is_restored_with_weights(case, path, tmp_path):
    model = case.make(lamina)
    if not model.built:
        model(case.x)
    draw_weights(model)
    if hasattr(case, "compile"):
        model.compile(**case.compile(lamina))
    model.save(path)
    again = lamina.models.load_model(path)
    assert_same_weights(model, again)
    for one, other in zip(
        jax.tree.leaves(model(case.x)), jax.tree.leaves(again(case.x)), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    model.save_weights(tmp_path / "weights.hdf5")
    again.set_weights([np.zeros_like(w) for w in again.get_weights()])
    again.load_weights(tmp_path / "weights.hdf5")
    assert_same_weights(model, again)


def test_the_layout_is_that_of_keras(path, tmp_path):
    nested().save(path)
    nested().save_weights(tmp_path / "weights.h5")
    with h5py.File(path) as file, h5py.File(tmp_path / "weights.h5") as weights:
        assert {"model_config", "training_config"} < set(file.attrs)
        assert file.attrs["keras_version"].startswith("3.")
        config = json.loads(file.attrs["model_config"])
        assert config["class_name"] == "Functional"
        training = json.loads(file.attrs["training_config"])
        assert training["loss"] == "mean_squared_error"
        assert training["optimizer_config"]["class_name"] == "Adam"
        assert "learning_rate" in training["optimizer_config"]["config"]
        for root in (file["model_weights"], weights):
            names = ["x", "inner", "out"]
            assert list(root.attrs["layer_names"]) == names
            assert set(root) == {*names, "top_level_model_weights"}
            assert root.attrs["backend"] == "jax"
            inner = root["inner"]
            assert list(inner.attrs["weight_names"]) == [
                "n/gamma", "n/beta", "e/kernel", "e/bias",
                "d/kernel", "d/bias", "n/moving_mean", "n/moving_variance",
            ]  # fmt: skip
            assert inner["e/kernel"].shape == (3, 4)
            assert list(root["x"].attrs["weight_names"]) == []
        slots = file["optimizer_weights"]
        first = slots.attrs["weight_names"][0]
        assert first == "adam/iteration" and slots[first][()] == 1


def dense_with_lora():
    layer = layers.Dense(3, name="d")
    layer.build((None, 4))
    layer.enable_lora(2)
    return layer


def frozen_kernel():
    layer = layers.Dense(3, name="d")
    layer.build((None, 4))
    layer.kernel.trainable = False
    return layer


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (dense_with_lora, ["bias", "lora_kernel_a", "lora_kernel_b", "kernel"]),
        (frozen_kernel, ["bias", "kernel"]),
        (
            lambda: layers.SpectralNormalization(layers.Dense(3, name="d")),
            ["kernel", "bias", "vector_u"],
        ),
    ],
)
def test_trainable_weights_come_first_and_shared_ones_once(make, names, path):
    """The order is that of `trainable_weights + non_trainable_weights`, as in Keras."""
    model = lamina.Sequential([layers.Input((4,)), make()])
    model.save(path)
    with h5py.File(path) as file:
        stored = file["model_weights"]
        found = stored[stored.attrs["layer_names"][-1]].attrs["weight_names"]
    assert [name.split("/")[-1].partition(":")[0] for name in found] == names
    draw_weights(model)
    model.save_weights(path.with_name("a.h5"))
    again = lamina.Sequential([layers.Input((4,)), make()])
    again.load_weights(path.with_name("a.h5"))
    np.testing.assert_array_equal(
        model.predict(X, verbose=0), again.predict(X, verbose=0)
    )


def test_training_config_is_omitted_without_optimizer(path):
    nested().save(path, include_optimizer=False)
    with h5py.File(path) as file:
        assert "training_config" not in file.attrs
        assert "optimizer_weights" not in file
    assert not lamina.models.load_model(path).compiled


def test_long_lists_of_names_are_split_over_attributes(path, monkeypatch):
    monkeypatch.setattr(legacy_write, "_NAMES_PER_ATTRIBUTE", 2)
    model = nested()
    model.save(path)
    with h5py.File(path) as file:
        attributes = file["model_weights"].attrs
        assert "layer_names" not in attributes
        assert list(attributes["layer_names0"]) == ["x", "inner"]
        assert list(attributes["layer_names1"]) == ["out"]
        assert "weight_names2" in file["model_weights/inner"].attrs
    assert_same_weights(model, lamina.models.load_model(path))


def test_names_fit_into_one_attribute(path):
    groups = legacy_write._Groups()
    names = [f"{i:0>200}" for i in range(2 * legacy_write._NAMES_PER_ATTRIBUTE)]
    groups.set_names("", "layer_names", names)
    path.write_bytes(b"".join(groups.to_file()))
    with h5py.File(path) as file:
        found = [*file.attrs["layer_names0"], *file.attrs["layer_names1"]]
    assert found == names


def test_layers_without_a_module_are_layers(path):
    """As Keras 3 writes them, though an initializer has this name too."""
    inner = lamina.Sequential([layers.Input((4,)), layers.Identity(name="same")])
    model = lamina.Sequential([lamina.Input((4,)), inner, layers.Dense(2)])
    model.save(path)
    with h5py.File(path, "a") as file:
        config = json.loads(file.attrs["model_config"])
        outer = config["config"]["layers"]
        for entry in (config, *outer, *outer[1]["config"]["layers"]):
            del entry["module"], entry["registered_name"]
        file.attrs["model_config"] = json.dumps(config)
    again = lamina.models.load_model(path)
    assert isinstance(again.layers[0].layers[0], layers.Identity)
    assert_same_weights(model, again)


class Tangled(layers.Layer):
    """Has a weight named as the layer inside, and weights of one name."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(4, name="dense")

    def build(self, input_shape):
        self.twins = [self.add_weight((4,), "ones", name="dense") for _ in range(2)]
        self.inner.build(input_shape)

    def call(self, inputs):
        return self.inner(inputs) * self.twins[0] + self.twins[1]


def test_colliding_names_are_made_unique(path):
    model = lamina.Sequential([lamina.Input((4,)), Tangled(name="t")])
    values = [np.random.RandomState(0).normal(size=w.shape) for w in model.weights]
    model.set_weights(values)
    model.save(path)
    again = lamina.models.load_model(path, {"Tangled": Tangled})
    assert_same_weights(model, again)


def test_a_registered_loss_is_found_by_its_name(path):
    @lamina.saving.register_keras_serializable("mine")
    def halved(y_true, y_pred):
        return lamina.ops.mean((y_true - y_pred) ** 2, -1) / 2

    model = nested()
    model.compile("sgd", halved, metrics=[halved])
    model.save(path)
    again = lamina.models.load_model(path)
    assert model.evaluate(X, Y, verbose=0) == again.evaluate(X, Y, verbose=0)


class Own(lamina.Model):
    def __init__(self, name="hidden", **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Dense(3, name=name)
        self.last = layers.Dense(2, name="last")
        self.scale = self.add_weight((2,), "ones", name="scale")

    def call(self, inputs):
        return self.last(self.first(inputs)) * self.scale


def test_subclassed_model_saves_only_weights(path):
    model, other = Own(), Own()
    expected = model.predict(X, verbose=0)
    with pytest.raises(ArgumentError, match="Own cannot be saved.*save_weights"):
        model.save(path)
    assert not path.exists()
    model.save_weights(path)
    other.predict(X, verbose=0)
    other.load_weights(path)
    np.testing.assert_array_equal(other.predict(X, verbose=0), expected)


def test_repeated_layer_names_are_refused(path):
    model = Own(name="last")
    model.predict(X, verbose=0)
    with pytest.raises(ArgumentError, match="named 'last'"):
        model.save_weights(path)


@pytest.mark.parametrize("weights_only", [False, True])
def test_checkpoints_are_written(path, weights_only):
    model = nested()
    checkpoint = ModelCheckpoint(path, save_weights_only=weights_only)
    model.fit(X, Y, callbacks=[checkpoint], verbose=0)
    again = nested() if weights_only else lamina.models.load_model(path)
    again.load_weights(path)
    assert_same_weights(model, again)


@pytest.mark.parametrize(
    ("write", "better"),
    [
        (lambda model, path: model.save(path), "ends in .keras:"),
        (lambda model, path: lamina.saving.save_model(model, path), "ends in .keras:"),
        (lambda model, path: model.save_weights(path), "ends in .weights.h5:"),
        (lambda _, path: ModelCheckpoint(path), "ends in .keras:"),
    ],
)
def test_legacy_format_logs_one_warning(path, caplog, write, better):
    with caplog.at_level(logging.WARNING, "lamina"):
        write(nested(), path)
    (line,) = caplog.messages
    assert str(path) in line and better in line and "\n" not in line


@pytest.mark.parametrize("name", ["a.h5", "a.keras"])
def test_save_format_is_accepted_with_a_suffix(tmp_path, name):
    nested().save(tmp_path / name, save_format="h5")
    assert lamina.models.load_model(tmp_path / name).compiled


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("a", {"save_format": "h5"}, "`save_format` argument is deprecated"),
        ("a.h5", {"signatures": 1}, r"not supported: \['signatures'\]"),
        ("a.weights.h5", {}, "is for weights only"),
        ("a.h5", {"zipped": False}, "`zipped`"),
        ("a.png", {}, "must end in '.keras' or '.h5' or '.hdf5'"),
    ],
)
def test_unsupported_format_is_refused(tmp_path, name, options, reason):
    with pytest.raises(ArgumentError, match=reason):
        nested().save(tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_layer_that_is_called_twice_is_written_once(path):
    twice = layers.Dense(3, activation="tanh")
    model = lamina.Sequential([layers.Input((3,)), twice, twice, layers.Dense(1)])
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    model.save(path)
    loaded = lamina.models.load_model(path)
    assert loaded.layers[0] is loaded.layers[1]
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
