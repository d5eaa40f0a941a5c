"""Attributes that a call assigns have the values of an eager call, never tracers."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import lamina
from lamina import layers, ops
from tests.tables.arrays import floats

X, Y = floats(8, 3), floats(8, 1, seed=1)


class Storing(layers.Layer):
    """Stores its input in every form."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.held: Any = None
        self.log: list[Any] = []

    def call(self, inputs: Any) -> Any:
        self.add_loss(0.1 * ops.mean(inputs**2))
        self.held = inputs
        self.new = {"input": (inputs, "text")}
        self.log.append(inputs)
        return inputs


def storing() -> Any:
    model = lamina.Sequential([layers.Input((3,)), Storing(), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


STEPS = {
    "fit": lambda model: model.fit(X, Y, verbose=0),
    "evaluate": lambda model: model.evaluate(X, Y, verbose=0),
    "train_on_batch": lambda model: model.train_on_batch(X, Y),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_training_restores_attributes(step: Any) -> None:
    model = storing()
    layer = model.layers[0]
    with jax.checking_leaks():
        step(model)
    assert model.losses == []
    assert layer.held is None
    assert layer.log == []
    assert not hasattr(layer, "new")
    model(X)
    before = model.losses, layer.held
    step(model)
    assert model.losses == before[0]
    assert layer.held is before[1]


@pytest.mark.parametrize("method", ["__call__", "predict"])
def test_call_stores_values_in_attributes(method: str) -> None:
    model = storing()
    layer = model.layers[0]
    for x in (X, 2 * X):
        getattr(model, method)(x)
        np.testing.assert_array_equal(layer.held, x)
        np.testing.assert_array_equal(layer.new["input"][0], x)
        assert layer.new["input"][1] == "text"
    if method == "__call__":
        np.testing.assert_allclose(model.losses, [0.1 * np.mean(x**2)], rtol=1e-6)


@pytest.mark.filterwarnings("ignore:The metric 'last' keeps a tensor")
def test_metric_stores_values_in_attributes() -> None:
    class Last(lamina.metrics.Mean):
        kept: Any = None

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None):
            self.batch = y_pred
            super().update_state(y_pred)

        def result(self) -> Any:
            self.kept = super().result()
            return self.kept

    model = lamina.Sequential([layers.Input((3,)), layers.Dense(1)])
    metric = Last(name="last")
    model.compile("sgd", "mse", metrics=[metric])
    with jax.checking_leaks():
        model.fit(X, Y, verbose=0)
    assert metric.kept is None
    copy.deepcopy(model).fit(X, Y, verbose=0)


def test_a_call_without_losses_has_none() -> None:
    class Sometimes(layers.Layer):
        def call(self, inputs: Any, training: bool = False) -> Any:
            if training:
                self.add_loss(ops.sum(inputs))
            return inputs

    model = lamina.Sequential([layers.Input((3,)), Sometimes()])
    for _ in range(2):
        model(X, training=True)
        assert len(model.losses) == 1
        model(X)
        assert model.losses == []


@pytest.mark.parametrize("step", [*STEPS, "jit"])
def test_a_model_whose_layers_store_can_be_copied(step: str, tmp_path: Path) -> None:
    model = storing()
    if step == "jit":
        jax.jit(lambda x: model(x))(X)
    else:
        STEPS[step](model)
    assert not any(isinstance(loss, jax.core.Tracer) for loss in model.losses)
    model.summary(print_fn=lambda text: None)
    model.save(tmp_path / "m.keras")
    expected = model.predict(X, verbose=0)
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(copied.predict(X, verbose=0), expected)
        copied.fit(X, Y, verbose=0)


def test_losses_are_available_inside_a_trace() -> None:
    model = storing()

    def total(x: Any) -> Any:
        model(x)
        return sum(model.losses)

    np.testing.assert_allclose(jax.jit(total)(X), 0.1 * np.mean(X**2), rtol=1e-6)


def test_random_ops_in_a_scan_leave_no_tracer() -> None:
    class Noisy(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.generator = lamina.random.SeedGenerator(3)

        def call(self, inputs: Any) -> Any:
            def body(carry: Any, x: Any) -> Any:
                return carry + lamina.random.normal((), seed=self.generator), x

            noise, _ = ops.scan(body, 0.0, np.ones(2, "float32"))
            return inputs + noise + lamina.random.normal((), seed=self.generator)

    model = lamina.Sequential([layers.Input((3,)), Noisy()])
    first, second = np.asarray(model(X)), np.asarray(model(X))
    assert (first != second).all()
    state = model.layers[0].generator.state
    assert np.asarray(state.value)[1] == 4
    model.compile("sgd", "mse")
    model.fit(X, X, verbose=0)
    assert np.asarray(state.value)[1] == 4


def test_assignment_inside_a_transformation_of_a_call_is_refused() -> None:
    class Mapped(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.seen = self.add_weight((), "zeros", trainable=False, name="seen")

        def call(self, inputs: Any) -> Any:
            def one(row: Any) -> Any:
                self.seen.assign(row.sum())
                return row

            return jax.vmap(one)(inputs)

    with pytest.raises(lamina.errors.StateError, match="seen.*cannot leave"):
        lamina.Sequential([layers.Input((3,)), Mapped()])
