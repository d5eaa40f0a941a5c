"""Graphs: the order of layers, and inputs in lists and dictionaries."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

import lamina
from lamina import errors, layers

X = np.random.default_rng(0).normal(size=(6, 2)).astype("float32")


def inputs(*names: str) -> list[Any]:
    return [layers.Input((2,), name=name) for name in names]


def two_ends(first: str, second: str) -> lamina.Model:
    """Three inputs, a layer that both ends need, and one that joins three depths."""
    a, b, c = inputs("a", "b", "c")
    x = layers.Dense(2, name="x")(a)
    y = layers.Dense(2, name="y")(x)
    ends = {
        "o1": layers.Dense(1, name="o1")(layers.Concatenate(name="join")([b, y, x])),
        "o2": layers.Dense(1, name="o2")(layers.Add(name="add")([y, c])),
    }
    return lamina.Model([a, b, c], [ends[first], ends[second]])


def test_model_of_inputs_and_outputs_is_functional():
    model = two_ends("o1", "o2")
    assert isinstance(model, lamina.models.Functional)
    assert not isinstance(lamina.Sequential([]), lamina.models.Functional)
    assert lamina.utils.is_keras_tensor(model.output[0])
    assert not lamina.utils.is_keras_tensor(X)


def shared() -> lamina.Model:
    a, b = inputs("a", "b")
    twice = layers.Dense(2, name="twice")
    return lamina.Model([a, b], layers.Add(name="add")([twice(twice(a)), twice(b)]))


def encoder_decoder() -> lamina.Model:
    e, d = layers.Input((None, 2), name="e"), layers.Input((None, 2), name="d")
    _, *state = layers.LSTM(3, return_state=True, name="encoder")(e)
    decoded = layers.LSTM(3, name="decoder")(d, initial_state=state)
    return lamina.Model([e, d], layers.Dense(1, name="head")(decoded))


def unused() -> lamina.Model:
    a, b = inputs("a", "b")
    return lamina.Model([a, b], layers.Dense(1, name="head")(b))


# As Keras 3.15.1 orders them, which is also the order of `get_weights`.
ORDERS: dict[str, tuple[Callable[[], lamina.Model], str]] = {
    "two ends": (lambda: two_ends("o1", "o2"), "a x b y c join add o1 o2"),
    "the other way": (lambda: two_ends("o2", "o1"), "a x y c b add join o2 o1"),
    "shared": (shared, "a twice b add"),
    "encoder and decoder": (encoder_decoder, "e d encoder decoder head"),
    "unused input": (unused, "b a head"),
}


@pytest.mark.parametrize("name", ORDERS)
def test_layers_are_in_order(name: str) -> None:
    make, names = ORDERS[name]
    assert " ".join(layer.name for layer in make().layers) == names


def test_ordered_dictionaries_come_back_from_files(tmp_path: Path) -> None:
    a, b = inputs("a", "b")
    ends = OrderedDict(z=layers.Dense(1)(b), x=layers.Dense(1)(a))
    model = lamina.Model(OrderedDict(b=b, a=a), ends)
    model.compile("sgd", ["mse", "mae"])
    model.save(tmp_path / "model.keras")
    loaded = lamina.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.output) is OrderedDict and list(loaded.output) == ["z", "x"]
    data = {"a": X, "b": 2 * X}
    y = {"x": np.ones((6, 1)), "z": np.zeros((6, 1))}
    one, other = (
        (m.predict(data, verbose=0), m.evaluate(data, y, verbose=0))
        for m in (model, loaded)
    )
    np.testing.assert_equal(one, other)


def nested() -> lamina.Model:
    a, b, c = inputs("a", "b", "c")
    total = layers.Dense(1)(layers.Concatenate()([a, b, c]))
    return lamina.Model({"z": a, "rest": {"y": b, "list": [c]}}, total)


def flat() -> lamina.Model:
    a, b, c = inputs("a", "b", "c")
    return lamina.Model([a, b, c], layers.Dense(1)(layers.Concatenate()([a, b, c])))


def test_inputs_in_nested_dictionaries() -> None:
    model, plain = nested(), flat()
    plain.set_weights(model.get_weights())
    data = {"rest": {"list": [3 * X], "y": 2 * X}, "z": X}
    expected = plain.predict([X, 2 * X, 3 * X], verbose=0)
    np.testing.assert_array_equal(model.predict(data, verbose=0), expected)
    by_name = {"c": 3 * X, "a": X, "b": 2 * X, "more": X}
    np.testing.assert_array_equal(plain.predict(by_name, verbose=0), expected)
    model.compile("sgd", "mse")
    model.fit(data, expected, verbose=0)


def test_list_for_a_dictionary_is_in_the_order_of_sorted_keys() -> None:
    model = nested()
    data = {"rest": {"list": [3 * X], "y": 2 * X}, "z": X}
    expected = model.predict(data, verbose=0)
    with pytest.warns(UserWarning, match="sorted keys.*'z', 'rest'"):
        found = model.predict([3 * X, 2 * X, X], verbose=0)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([X, X], ("inputs are", "given: 2")),
        ({"z": X, "rest": {"y": X}}, ("['y', 'list']", "'list' is missing")),
        ({"z": X, "rest": X}, ("'y' is missing",)),
    ],
    ids=["list", "missing", "flat"],
)
def test_inputs_of_another_structure_are_refused(data: Any, words: Any) -> None:
    with pytest.raises(errors.ArgumentError) as caught:
        nested().predict(data, verbose=0)
    assert [word for word in words if word not in str(caught.value)] == []


class OrAlone(layers.Layer):
    """The sum of two inputs, of which the second may be missing."""

    def call(self, x: Any, y: Any = None) -> Any:
        return x if y is None else x + y


def with_optional(as_dict: bool) -> lamina.Model:
    a = layers.Input((2,), name="a")
    b = layers.Input((2,), name="b", optional=True)
    return lamina.Model({"a": a, "b": b} if as_dict else [a, b], OrAlone()(a, b))


@pytest.mark.parametrize("as_dict", [True, False], ids=["dictionary", "list"])
def test_optional_input_may_be_none(as_dict: bool) -> None:
    model = with_optional(as_dict)
    alone: Any = {"a": X, "b": None} if as_dict else [X, None]
    both: Any = {"a": X, "b": X} if as_dict else [X, X]
    for call in (model, lambda x: model.predict(x, verbose=0)):
        np.testing.assert_array_equal(call(alone), X)
        np.testing.assert_array_equal(call(both), X + X)
    model.compile(None, "mse")
    assert model.evaluate(alone, X, verbose=0) == 0.0


def test_none_for_a_required_input_is_refused() -> None:
    model = with_optional(as_dict=True)
    with pytest.raises(errors.ArgumentError, match="optional=True"):
        model({"a": None, "b": X})


def test_batch_size_of_an_input_may_differ_from_that_of_the_data() -> None:
    inputs = lamina.Input((4,), batch_size=3)
    model = lamina.Model(inputs, lamina.layers.Dense(1)(inputs))
    model.compile("sgd", "mse")
    x = np.ones((7, 4), "float32")
    assert model(x[:2]).shape == (2, 1)
    assert model.predict(x, batch_size=2, verbose=0).shape == (7, 1)
    model.fit(x, x[:, :1], batch_size=5, verbose=0)


@pytest.mark.parametrize(
    ("outputs", "kind"),
    [
        (lambda y: y, np.ndarray),
        (lambda y: [y], np.ndarray),
        (lambda y: (y,), np.ndarray),
        (lambda y: {"only": y}, dict),
        (lambda y: [y, 2 * y], list),
    ],
)
def test_one_output_in_a_list_is_returned_without_it(outputs, kind):
    x = lamina.Input((3,))
    model = lamina.Model([x], outputs(layers.Dense(2)(x)))
    data = np.ones((4, 3), "float32")
    assert type(model.predict(data, verbose=0)) is kind
    assert np.ndim(model(data)) == 2 or kind in (dict, list)
    several = kind is list
    assert model.output_shape == ([(None, 2)] * 2 if several else (None, 2))
    assert model.input_shape == (None, 3)
    # A graph keeps the structure, as in Keras.
    assert type(model(lamina.Input((3,)))) is type(model.output)
    model.compile("sgd", "mse")
    targets = np.ones((4, 2))
    targets = {"only": targets} if kind is dict else [targets] * (1 + several)
    assert "loss" in model.fit(data, targets, verbose=0).history


def test_inputs_in_nested_dictionaries_may_be_given_by_name() -> None:
    a, b = inputs("a", "b")
    model = lamina.Model({"z": (a, [b])}, layers.Concatenate()([a, b]))
    expected = model({"z": (X, [2 * X])})
    np.testing.assert_array_equal(model({"a": X, "b": 2 * X}), expected)


def test_outputs_have_the_order_of_their_keys() -> None:
    """As in Keras, except that `predict` sorts them."""
    x = lamina.Input((2,))
    heads = {"z": layers.Dense(2)(x), "y": {"v": layers.Dense(1)(x), "u": x}}
    model = lamina.Model(x, heads)
    for found in (model(X), model(lamina.Input((2,))), model.output):
        assert (list(found), list(found["y"])) == (["z", "y"], ["v", "u"])
    copy = lamina.Model.from_config(model.get_config())
    assert list(copy(X)) == ["z", "y"]


class Pair(NamedTuple):
    first: Any
    second: Any


@pytest.mark.parametrize(
    ("structure", "copied", "loaded"),
    [
        ((0, 1), (0, 1), [0, 1]),
        (Pair(0, 1), (0, 1), [0, 1]),
        ([0, (1,)], [0, (1,)], [0, [1]]),
        ({"a": (0, [1])}, {"a": (0, [1])}, {"a": [0, [1]]}),
    ],
    ids=["tuple", "named tuple", "list", "dictionary"],
)
def test_copies_have_the_structure_of_the_outputs(structure, copied, loaded, tmp_path):
    """As in Keras, configs keep tuples, and files, which are JSON, have lists."""
    x = lamina.Input((3,))
    outputs = [layers.Dense(2)(x), layers.Dense(1)(x)]
    model = lamina.Model(x, jax.tree.map(lambda i: outputs[i], structure))
    model.save(tmp_path / "model.keras")
    data, expected = np.ones((4, 3), "float32"), jax.tree.leaves(structure)
    for made, wanted in (
        (model, structure),
        (lamina.Model.from_config(model.get_config()), copied),
        (lamina.saving.load_model(tmp_path / "model.keras"), loaded),
    ):
        found = jax.tree.map(lambda array: 2 - array.shape[1], made(data))
        assert (found, jax.tree.leaves(found)) == (wanted, expected)
        assert type(found) is type(wanted)


def test_number_for_an_input_of_rows_is_refused_with_the_shape():
    number = lamina.Input(())
    model = lamina.Model(number, number + 1.0)
    with pytest.raises(errors.ShapeError, match="needs the batch axis"):
        model(1)
