"""`clone_model`: equal in structure, different in weights."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.errors import ArgumentError, FileFormatError
from lamina.models import clone_model, model_from_json
from tests.tables.cases import named
from tests.tables.models import MODELS

X = np.linspace(-1, 1, 12, dtype="float32").reshape(3, 4)


def shared_layers() -> lamina.Model:
    """A layer called twice, two inputs in a dictionary, an op, a model inside."""
    inputs = {"a": lamina.Input((4,), name="a"), "b": lamina.Input((4,), name="b")}
    inner = lamina.Sequential([layers.Dense(4, name="twice")], name="inner")
    sums = layers.Add()([inner(inputs["a"]), inner(inputs["b"])])
    return lamina.Model(inputs, layers.Dense(2, name="out")(sums * 0.5))


def no_dropout(layer):
    return layers.Identity() if isinstance(layer, layers.Dropout) else layer


# Graphs of every form, layers that hold layers, state besides weights.
CLONED = {"dictionaries", "two_heads_by_name", "residual", "masked_steps", "normalised"}


@pytest.mark.parametrize("case", named(c for c in MODELS if c.name in CLONED))
def test_clone_with_the_same_weights_predicts_the_same(case):
    model = case.make(lamina)
    model.compile(**case.compile(lamina))
    model.predict(case.x, verbose=0)
    clone = clone_model(model)
    assert type(clone) is type(model) and clone.name == model.name
    clone.predict(case.x, verbose=0)
    assert not {id(w) for w in model.weights} & {id(w) for w in clone.weights}
    clone.set_weights(model.get_weights())
    outputs = (jax.tree.leaves(m.predict(case.x, verbose=0)) for m in (model, clone))
    for one, other in zip(*outputs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_shared_layers_are_shared_in_the_clone():
    model = shared_layers()
    clone = clone_model(model)
    assert len(clone.weights) == len(model.weights) == 4
    assert clone.input.keys() == {"a", "b"}
    clone.set_weights(model.get_weights())
    data = {"a": X, "b": 2 * X}
    np.testing.assert_array_equal(model(data), clone(data))


@pytest.mark.parametrize("loss", ["mse", lambda y, p: (y - p) ** 2])
def test_a_compiled_model_is_compiled_again(loss):
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(1)])
    model.compile(lamina.optimizers.Adam(0.25), loss, metrics=["mae"])
    model.optimizer.learning_rate = 0.03125
    model.fit(X, X[:, :1], verbose=0)
    clone = clone_model(model)
    assert clone.optimizer is not model.optimizer
    assert float(clone.optimizer.learning_rate) == 0.03125
    assert int(clone.optimizer.iterations) == 0
    assert clone.evaluate(X, X[:, :1], verbose=0, return_dict=True).keys() == {
        "loss",
        "mae",
    }
    assert clone_model(lamina.Sequential([layers.Dense(1)])).compiled is False


@pytest.mark.parametrize("form", [lambda t: t, lambda t: [t]])
def test_sequential_is_cloned_on_another_input(form):
    model = lamina.Sequential([lamina.Input((4,)), layers.Dense(3)])
    tensor = lamina.Input((4,), batch_size=2, name="mine")
    clone = clone_model(model, input_tensors=form(tensor))
    assert clone.input_shape == (2, 4) and clone.output_shape == (2, 3)


def test_graph_is_cloned_on_another_input():
    model = shared_layers()
    tensors = {k: lamina.Input((4,), batch_size=5, name=k) for k in ("a", "b")}
    assert clone_model(model, input_tensors=tensors).output_shape == (5, 2)
    for wrong in (list(tensors.values()), X, {"a": tensors["a"]}):
        with pytest.raises(ArgumentError, match="structure of the model's input"):
            clone_model(model, input_tensors=wrong)


def test_clone_function_makes_the_layers():
    stack = lamina.Sequential(
        [lamina.Input((4,)), layers.Dense(3), layers.Dropout(0.5)]
    )
    clone = clone_model(stack, clone_function=no_dropout)
    assert clone.layers[0] is stack.layers[0]
    assert isinstance(clone.layers[1], layers.Identity)


def test_functions_of_the_program_are_those_of_the_clone():
    inputs = lamina.Input((2,))
    outputs = layers.Dense(3, activation=lambda x: 3 * x)(inputs)
    outputs = layers.Lambda(lambda x, k: k + x, arguments={"k": 5})(outputs)
    model = lamina.Model(inputs, outputs)
    clone = clone_model(model)
    clone.set_weights(model.get_weights())
    x = np.ones((1, 2), "float32")
    np.testing.assert_array_equal(clone(x), model(x))
    assert clone.layers[1] is not model.layers[1]


def test_call_function_calls_the_layers():
    def with_dropout(layer, *args, **kwargs):
        outputs = layer(*args, **kwargs)
        is_dense = isinstance(layer, layers.Dense)
        return layers.Dropout(0.5)(outputs) if is_dense else outputs

    model = shared_layers()
    clone = clone_model(model, clone_function=lambda v: v, call_function=with_dropout)
    kinds = [type(layer).__name__ for layer in clone.layers]
    assert kinds.count("Dropout") == 1 and clone.get_layer("out") in model.layers


def test_nested_models_are_cloned_by_the_same_function():
    model = shared_layers()

    def frozen(layer):
        return type(layer).from_config({**layer.get_config(), "trainable": False})

    for recursive in (False, True):
        seen = []
        clone = clone_model(
            model,
            clone_function=lambda v, s=seen: s.append(v.name) or frozen(v),
            recursive=recursive,
        )
        assert ("twice" in seen) is recursive and ("inner" in seen) is not recursive
        twice = clone.get_layer("inner").get_layer("twice")
        assert twice.trainable is not recursive


def test_models_that_cannot_be_cloned_are_refused():
    class Own(lamina.Model):
        def call(self, inputs):
            return inputs

    stack = lamina.Sequential([layers.Dense(1)])
    with pytest.raises(ArgumentError, match="with its own `call`"):
        clone_model(Own(), clone_function=no_dropout)
    with pytest.raises(ArgumentError, match="does not call its layers"):
        clone_model(stack, call_function=lambda layer, *a: layer(*a))
    with pytest.raises(ArgumentError, match="must be one tensor"):
        clone_model(stack, input_tensors=[])


@pytest.mark.parametrize("case", named(MODELS))
def test_model_is_rebuilt_from_its_json(case):
    model = case.make(lamina)
    again = model_from_json(model.to_json(indent=2))
    assert again.get_config() == model.get_config()


def test_json_that_does_not_describe_a_model_is_refused():
    layer = lamina.saving.serialize_keras_object(layers.Dense(2))
    for text, reason in (
        (json.dumps(layer), "describes a Dense, not a model"),
        ("{", "not valid JSON"),
        ("[]", "must be a dictionary"),
        ('{"class_name": "Nowhere", "config": {}}', "does not know"),
    ):
        with pytest.raises(FileFormatError, match=reason):
            model_from_json(text)
    with pytest.raises(TypeError, match="must be a string"):
        model_from_json({"class_name": "Sequential"})


def test_layer_that_a_sequence_has_twice_is_one_layer(tmp_path):
    twice = layers.Dense(4, "tanh")
    model = lamina.Sequential([layers.Dense(4), twice, twice, layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(X, np.ones((3, 2)), verbose=0)
    model.save(tmp_path / "model.keras")
    copies = [
        lamina.models.load_model(tmp_path / "model.keras"),
        clone_model(model),
        model_from_json(model.to_json()),
    ]
    for copy in copies:
        copy(X)
        assert len(copy.weights) == len(model.weights) == 6
        assert copy.layers[1] is copy.layers[2] and len(copy.layers) == 4
        copy.set_weights(model.get_weights())
        np.testing.assert_array_equal(copy(X), model(X))
    with pytest.raises(ArgumentError, match="already has a layer named"):
        model.add(layers.Dense(2, name=twice.name))
