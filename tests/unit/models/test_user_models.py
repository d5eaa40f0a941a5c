"""Configs and files of users' classes of models, and of parts of models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.errors import ArgumentError, MissingAttributeError
from tests.tables.arrays import floats

ROWS = floats(4, 3)


@lamina.saving.register_keras_serializable("tests")
class AnyArguments(lamina.Model):
    def __init__(self, *args: Any, width: int = 1, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.width, self.tracker = width, lamina.metrics.Mean(name="tracked")


@lamina.saving.register_keras_serializable("tests")
class OwnConfig(AnyArguments):
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}


@lamina.saving.register_keras_serializable("tests")
class NamedEnds(lamina.Model):
    def __init__(self, inputs: Any, outputs: Any, width: int = 1) -> None:
        super().__init__(inputs, outputs)
        self.width = width


@pytest.mark.parametrize("cls", [AnyArguments, OwnConfig, NamedEnds])
def test_class_that_takes_a_graph_is_saved_as_its_graph(cls, tmp_path):
    inputs = layers.Input((3,))
    model = cls(inputs=inputs, outputs=layers.Dense(2)(inputs), width=3)
    assert [layer["class_name"] for layer in model.get_config()["layers"]] == [
        "InputLayer",
        "Dense",
    ]
    assert cls.from_config(model.get_config()).width == 3
    model.save(tmp_path / "model.keras")
    loaded = lamina.saving.load_model(tmp_path / "model.keras")
    assert (type(loaded), loaded.width) == (cls, 3)
    np.testing.assert_array_equal(loaded(ROWS), model(ROWS))


def test_part_of_a_model_has_an_input_layer_and_a_config():
    inputs = layers.Input((3,))
    inner = layers.Dense(4, name="inner")
    middle = inner(inputs)
    part = lamina.Model(middle, layers.Dense(2, name="last")(middle))
    assert [layer.name for layer in part.layers] == ["inner_input", "last"]
    assert part.operations == part.layers
    again = lamina.Model.from_config(part.get_config())
    again.set_weights(part.get_weights())
    x = floats(2, 4)
    np.testing.assert_array_equal(again(x), part(x))


@pytest.mark.parametrize("kind", [list, dict])
def test_first_layer_of_a_sequential_may_take_several_inputs(kind):
    class Add(layers.Layer):
        def call(self, inputs: Any) -> Any:
            assert type(inputs) is kind
            first, second = inputs.values() if kind is dict else inputs
            return first + second

    data: Any = {"a": ROWS, "b": ROWS} if kind is dict else [ROWS, ROWS]
    model = lamina.Sequential([Add(), layers.Dense(1)])
    assert model(data).shape == (4, 1)
    model.summary(print_fn=lambda text: None)
    model.compile("sgd", "mse")
    model.fit(data, ROWS[:, :1], verbose=0)


def test_sequential_with_an_input_is_built_for_its_shape_only():
    model = lamina.Sequential([layers.Input((2,), batch_size=3), layers.Dense(2)])
    model.build((3, 2))
    model.build((None, 2))
    with pytest.raises(ArgumentError, match=r"has an input of shape \(3, 2\)"):
        model.build((3, 4))


@pytest.mark.parametrize("name", ["inputs", "outputs", "input_shape", "output_shape"])
def test_model_without_a_graph_has_no_ends(name):
    with pytest.raises(MissingAttributeError):
        getattr(lamina.Sequential(), name)
    assert hasattr(lamina.Sequential([layers.Input((2,)), layers.Dense(1)]), name)


def test_json_text_of_a_restored_model_is_the_same():
    inputs = layers.Input((3,), name="rows")
    shared = layers.Dense(3, kernel_initializer=lamina.initializers.Zeros())
    hidden = layers.Dense(5)(shared(inputs) + inputs)
    text = lamina.Model([[inputs]], layers.Dense(4)(hidden)).to_json()
    assert "shared_object_id" not in text
    assert lamina.models.model_from_json(text).to_json() == text


def test_symbolic_tensor_shows_its_mask():
    tokens = layers.Input((None,), dtype="int32")
    masked = layers.Embedding(5, 2, mask_zero=True)(tokens)
    assert tokens._keras_mask is None
    mask = masked._keras_mask
    assert (mask.shape, mask.dtype) == ((None, None), "bool")


def test_layer_is_found_by_name_or_index() -> None:
    model = lamina.Sequential([layers.Input((3,)), layers.Dense(1, name="only")])
    assert model.get_layer("only") is model.get_layer(index=0)
    for arguments in ({"name": "only", "index": 0}, {"name": "other"}, {"index": 1}):
        with pytest.raises(ArgumentError):
            model.get_layer(**arguments)


@pytest.mark.parametrize("call_build", [True, False])
def test_build_of_a_model_may_create_layers_and_call_that_of_its_base(call_build):
    class Model(lamina.Model):
        def build(self, input_shape):
            self.dense = layers.Dense(2)
            self.head = layers.Dense(1)
            super().build(input_shape)

        def call(self, x):
            return self.head(self.dense(x))

    model = Model()
    if call_build:
        model.build((None, 3))
    assert model(floats(4, 3)).shape == (4, 1)
    assert model.built and len(model.weights) == 4
