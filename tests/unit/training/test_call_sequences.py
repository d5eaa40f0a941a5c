"""Calls of a model in any order: none fails, and each sees the model as it is then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import lamina
from lamina import layers, losses, metrics, optimizers
from tests.tables.arrays import floats

X, Y = floats(8, 3), floats(8, 2, seed=1)


class WithLoss(layers.Layer):
    """Adds a penalty in its call."""

    def call(self, inputs: Any) -> Any:
        self.add_loss(0.01 * (inputs**2).mean())
        return inputs


def make() -> Any:
    inner = lamina.Sequential(
        [layers.Input((4,)), layers.BatchNormalization(), layers.Dropout(0.5)]
    )
    inner.compile("adam", "mae")
    stack = [layers.Input((3,)), layers.Dense(4), inner, WithLoss(), layers.Dense(2)]
    model = lamina.Sequential(stack)
    model.extra_metrics = []
    return model


def needs_compile(action: Callable[[Any], Any]) -> Callable[[Any], None]:
    def run(model: Any) -> None:
        if not model.compiled:
            model.compile("sgd", "mse")
        action(model)

    return run


def freeze(model: Any, layer: Any) -> None:
    layer.trainable = not layer.trainable
    if layer.trainable and model.compiled:
        # The optimizer may have been built without its weights.
        model.compile("sgd", "mse")


def load(model: Any) -> None:
    model.set_weights([w + 0.125 for w in model.get_weights()])


def set_rate(model: Any) -> None:
    model.optimizer.learning_rate = float(model.optimizer.learning_rate) / 2


def set_clipping(model: Any) -> None:
    model.optimizer.clipnorm = None if model.optimizer.clipnorm else 1.0


def set_dropout(model: Any) -> None:
    drop = model.layers[1].layers[1]
    drop.rate = 0.0 if drop.rate else 0.25


def compile_inner(model: Any) -> None:
    model.layers[1].compile(optimizers.SGD(0.1, clipvalue=1.0), "mse")


def add_metric(model: Any) -> None:
    model.extra_metrics = [*model.extra_metrics, metrics.Mean()]


def use_inner(model: Any) -> None:
    model.layers[1].predict(floats(2, 4), verbose=0)


ACTIONS: dict[str, Callable[[Any], Any]] = {
    "predict": lambda model: model.predict(X, verbose=0),
    "call": lambda model: model(X),
    "call in training": lambda model: model(X, training=True),
    "compile": lambda model: model.compile("sgd", "mse"),
    "compile adam": lambda model: model.compile(
        optimizers.Adam(0.01, weight_decay=0.1), "mae", metrics=["mse", "mae"]
    ),
    "compile momentum": lambda model: model.compile(
        optimizers.SGD(0.01, momentum=0.5, clipnorm=1.0),
        losses.Huber(),
        weighted_metrics=["mae"],
    ),
    "compile inner": compile_inner,
    "use inner": use_inner,
    "evaluate": needs_compile(lambda model: model.evaluate(X, Y, verbose=0)),
    "fit": needs_compile(lambda model: model.fit(X, Y, batch_size=8, verbose=0)),
    "train on batch": needs_compile(lambda model: model.train_on_batch(X, Y)),
    "test on batch": needs_compile(lambda model: model.test_on_batch(X, Y)),
    "freeze": lambda model: freeze(model, model.layers[0]),
    "freeze normalization": lambda model: freeze(model, model.layers[1].layers[0]),
    "add metric": add_metric,
    "set rate": needs_compile(set_rate),
    "set clipping": needs_compile(set_clipping),
    "set dropout": set_dropout,
    "load": load,
}


@settings(
    max_examples=10,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(st.sampled_from(list(ACTIONS)), min_size=3, max_size=8))
@example(["compile", "predict", "compile adam", "predict", "compile momentum"])
@example(["call", "compile inner", "call", "compile", "call in training"])
@example(["fit", "set clipping", "fit", "predict", "set clipping", "fit"])
def test_predictions_equal_those_of_a_new_model(names: list[str]) -> None:
    model = make()
    for name in ["predict", *names]:
        ACTIONS[name](model)
    twin = make()
    twin.set_weights(model.get_weights())
    expected = twin.predict(X, verbose=0)
    np.testing.assert_array_equal(model.predict(X, verbose=0), expected)
    np.testing.assert_array_equal(model(X), expected)
