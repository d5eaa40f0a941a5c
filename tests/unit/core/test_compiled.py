"""Calls through compiled programs see variables that the model does not own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers


@pytest.mark.parametrize("method", ["__call__", "predict"])
def test_a_variable_from_outside_is_read_anew(method: str) -> None:
    outside = lamina.Variable(2.0, name="outside")
    model = lamina.Sequential(
        [layers.Input((1,)), layers.Lambda(lambda x: x * outside.value)]
    )
    x = np.ones((2, 1), "float32")
    np.testing.assert_array_equal(getattr(model, method)(x), 2 * x)
    outside.assign(5.0)
    np.testing.assert_array_equal(getattr(model, method)(x), 5 * x)


@pytest.mark.parametrize("method", ["__call__", "fit"])
def test_variables_made_anew_at_each_call_are_refused(method: str) -> None:
    class Forgetful(lamina.Model):
        def call(self, inputs: Any) -> Any:
            return layers.Dense(1)(inputs)

    model = Forgetful()
    model.compile("sgd", "mse")
    x = np.ones((4, 2), "float32")
    arguments = (x, x[:, :1]) if method == "fit" else (x,)
    with pytest.raises(lamina.errors.StateError, match="made anew each time"):
        getattr(model, method)(*arguments)


def test_text_is_refused_in_words() -> None:
    model = lamina.Sequential([layers.Dense(1)])
    with pytest.raises(lamina.errors.DataError, match="StringLookup"):
        model.predict(np.array([["a"], ["b"]]))


def test_an_input_of_64_bits_takes_32() -> None:
    inputs = layers.Input((2,), dtype="int64")
    model = lamina.Model(inputs, layers.Embedding(5, 3)(inputs))
    assert model(np.array([[1, 2]])).shape == (1, 2, 3)
