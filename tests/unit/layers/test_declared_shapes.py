"""Layers that declare the shapes of their outputs, as in Keras 3.15.1.

Their `call` may need values in Python, so that it cannot be traced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import lamina
from lamina import layers, ops

X = np.ones((4, 3), "float32")

CALLS: dict[str, tuple[Callable[[Any], Any], type[Exception]]] = {
    "NumPy": (
        lambda x: np.asarray(x) * 2.0,
        jax.errors.TracerArrayConversionError,
    ),
    "a branch": (
        lambda x: x * 2.0 if float(ops.sum(x)) > 0 else x,
        jax.errors.ConcretizationTypeError,
    ),
}


def layer_with(call: Callable[[Any], Any], **declared: Any) -> Any:
    """Return a layer that calls a function and declares the shape of its output."""
    return type("Declared", (layers.Layer,), {"call": lambda _, x: call(x), **declared})


DECLARED: dict[str, dict[str, Any]] = {
    "shape": {"compute_output_shape": lambda _, input_shape: input_shape},
    "spec": {"compute_output_spec": lambda _, x: lamina.KerasTensor(x.shape)},
}


@pytest.mark.parametrize("declared", DECLARED)
@pytest.mark.parametrize("name", CALLS)
def test_models_are_made_of_declared_shapes(name: str, declared: str) -> None:
    call, error = CALLS[name]
    kind = layer_with(call, **DECLARED[declared])
    inputs = layers.Input((3,))
    outputs = kind()(inputs)
    assert outputs.shape == (None, 3)
    model = lamina.Model(inputs, layers.Dense(2, kernel_initializer="ones")(outputs))
    np.testing.assert_allclose(model(X), np.full((4, 2), 6.0))
    assert lamina.Sequential([layers.Input((3,)), kind()]).output_shape == (None, 3)
    with pytest.raises(error):
        model.predict(X)
    model.compile("sgd", "mse", run_eagerly=True)
    np.testing.assert_allclose(model.predict(X), np.full((4, 2), 6.0))
    assert model.evaluate(X, np.full((4, 2), 5.0), verbose=0) == 1.0


@pytest.mark.parametrize("name", CALLS)
def test_models_with_own_calls_need_no_declared_shapes(name: str) -> None:
    call, error = CALLS[name]

    class Own(lamina.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.last = layer_with(call)(), layers.Dense(2)

        def call(self, inputs: Any) -> Any:
            return self.last(self.inner(inputs))

    model = Own()
    expected = model.last(2.0 * X)
    np.testing.assert_allclose(model(X), expected)
    with pytest.raises(error):
        model.predict(X)
    model.compile("sgd", "mse", run_eagerly=True)
    np.testing.assert_allclose(model.predict(X), expected)
    assert model.evaluate(X, expected, verbose=0) == 0.0
    with pytest.raises(error):
        lamina.Sequential([layers.Input((3,)), layer_with(call)()])


def test_shapes_of_several_inputs_and_outputs_are_declared() -> None:
    class Both(layers.Layer):
        def call(self, query: Any, value: Any) -> Any:
            return {"sum": np.asarray(query) + np.asarray(value), "last": (value,)}

        def compute_output_shape(self, query_shape: Any, value_shape: Any) -> Any:
            return {"sum": query_shape, "last": (value_shape,)}

    outputs = Both()(layers.Input((3,)), layers.Input((1,)))
    shapes = jax.tree.map(lambda t: t.shape, outputs)
    assert shapes == {"sum": (None, 3), "last": ((None, 1),)}


def test_errors_of_other_layers_are_raised_at_once() -> None:
    kind = layer_with(layers.Dense(2, name="wide").__call__, **DECLARED["shape"])
    layer = kind()
    layer(layers.Input((3,)))
    with pytest.raises(lamina.errors.ShapeError):
        layer(layers.Input((4,)))


def test_other_errors_of_a_call_are_raised_at_once() -> None:
    class Wrong(layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs + self.offset

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

    with pytest.raises(AttributeError, match="offset"):
        Wrong()(layers.Input((4,)))
