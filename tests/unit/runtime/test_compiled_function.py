"""Calls through compiled programs see variables that the model does not own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers


@pytest.mark.parametrize("method", ["__call__", "predict"])
def test_external_variable_is_read_at_each_call(method: str) -> None:
    outside = lamina.Variable(2.0, name="outside")
    model = lamina.Sequential(
        [layers.Input((1,)), layers.Lambda(lambda x: x * outside.value)]
    )
    x = np.ones((2, 1), "float32")
    np.testing.assert_array_equal(getattr(model, method)(x), 2 * x)
    outside.assign(5.0)
    np.testing.assert_array_equal(getattr(model, method)(x), 5 * x)


@pytest.mark.parametrize("method", ["__call__", "fit"])
def test_variables_created_at_each_call_are_refused(method: str) -> None:
    class Forgetful(lamina.Model):
        def call(self, inputs: Any) -> Any:
            return layers.Dense(1)(inputs)

    model = Forgetful()
    model.compile("sgd", "mse")
    x = np.ones((4, 2), "float32")
    arguments = (x, x[:, :1]) if method == "fit" else (x,)
    with pytest.raises(lamina.errors.StateError, match="created again each time"):
        getattr(model, method)(*arguments)


def test_string_inputs_are_refused() -> None:
    model = lamina.Sequential([layers.Dense(1)])
    with pytest.raises(lamina.errors.DataError, match="StringLookup"):
        model.predict(np.array([["a"], ["b"]]))


def test_input_of_64_bits_accepts_32_bits() -> None:
    inputs = layers.Input((2,), dtype="int64")
    model = lamina.Model(inputs, layers.Embedding(5, 3)(inputs))
    assert model(np.array([[1, 2]])).shape == (1, 2, 3)


def test_frozen_layer_is_called_as_frozen() -> None:
    normalization = layers.BatchNormalization()
    model = lamina.Sequential([layers.Input((1,)), normalization])
    x = np.array([[1.0], [3.0]], "float32")
    model(x, training=True)
    normalization.trainable = False
    before = normalization.get_weights()
    model(x, training=True)
    for value, kept in zip(normalization.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, kept)


def test_replaced_layer_is_called() -> None:
    class Switch(lamina.Model):
        def __init__(self) -> None:
            super().__init__()
            self.function = layers.ReLU()

        def call(self, inputs: Any) -> Any:
            return self.function(inputs)

    model, x = Switch(), np.array([[-1.0, 1.0]], "float32")
    np.testing.assert_array_equal(model.predict(x), [[0, 1]])
    model.function = layers.Flatten()
    np.testing.assert_array_equal(model.predict(x), x)


def test_second_compile_does_not_retrace_calls() -> None:
    traces = []

    class Counting(layers.Layer):
        def call(self, inputs: Any) -> Any:
            traces.append(inputs)
            return inputs

    model = lamina.Sequential([layers.Input((1,)), Counting()])
    model.predict(np.ones((2, 1)))
    before = len(traces)
    for optimizer in ("sgd", "adam"):
        model.compile(optimizer, "mse")
        model.predict(np.ones((2, 1)))
    assert len(traces) == before


@pytest.mark.parametrize("call", ["predict", "__call__"])
def test_inputs_are_checked_after_a_call_that_fits(call: str) -> None:
    model = lamina.Sequential([lamina.Input((3,)), lamina.layers.Dense(1)])
    method = getattr(model, call)
    x = np.arange(6, dtype="float32").reshape(2, 3)
    expected = np.asarray(method(x))
    np.testing.assert_array_equal(method(x.astype("float64")), expected)
    np.testing.assert_array_equal(method(x.astype("int64")), expected)
    np.testing.assert_array_equal(method(x[:1]), expected[:1])
    with pytest.raises(lamina.errors.LaminaError):
        method(x[:, :2])
    with pytest.raises(lamina.errors.DataError):
        method(x.astype(str))
    model.set_weights([2 * w for w in model.get_weights()])
    np.testing.assert_array_equal(method(x), 2 * expected)
    model.layers[0].trainable = False
    np.testing.assert_array_equal(method(x), 2 * expected)
