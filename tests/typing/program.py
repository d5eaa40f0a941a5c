"""A user's program: what an editor infers of it, checked by tests/test_typing.py."""

from __future__ import annotations

from typing import Any, assert_type

import jax
import numpy as np

import lamina
from lamina import Functional, KerasTensor, Model, Sequential, layers, ops
from lamina.callbacks import EarlyStopping, History
from lamina.models import clone_model, load_model, model_from_json

x = np.ones((8, 4), "float32")
y = np.ones((8, 1), "float32")

model = Sequential([layers.Input((4,)), layers.Dense(1)])
assert_type(model, Sequential)
assert_type(layers.Dense(3), layers.Dense)

inputs = lamina.Input((4,))
assert_type(inputs, KerasTensor)
hidden = layers.Dense(8, activation="relu")(inputs)
wired = Model(inputs, layers.Dense(1)(hidden), name="wired")
assert_type(wired, Model)
assert_type(Functional(inputs, hidden), Functional)

model.compile(optimizer="adam", loss="mse", metrics=["mae"])
history = model.fit(x, y, epochs=2, callbacks=[EarlyStopping("loss")], verbose=0)
assert_type(history, History)
assert_type(history.history["loss"], list[Any])
loss, mae = model.evaluate(x, y, verbose=0)
logs = model.evaluate(x, y, verbose=0, return_dict=True)
assert_type(logs, dict[str, float])
predicted = model.predict(x, verbose=0)
best = predicted.argmax(axis=-1)
first, second = wired.predict([x, x])
print(model(x).shape)

model.save("model.keras")
assert_type(load_model("model.keras"), Model)
assert_type(clone_model(model), Model)
assert_type(model_from_json(model.to_json()), Model)
assert_type(layers.Dense.from_config({}), layers.Dense)
assert_type(model.layers, list[layers.Layer])
assert_type(lamina.optimizers.Adam(1e-3), lamina.optimizers.Adam)
assert_type(lamina.losses.MeanSquaredError(), lamina.losses.MeanSquaredError)
assert_type(lamina.metrics.Mean(), lamina.metrics.Mean)


class Scale(layers.Layer):
    """A layer with a weight."""

    def __init__(self, factor: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.weight = self.add_weight((input_shape[-1],), "ones", name="weight")

    def call(self, inputs: jax.Array, training: bool = False) -> jax.Array:
        return inputs * self.weight.value * (self.factor if training else 1.0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


class Attends(layers.Layer):
    """A layer of two inputs."""

    def build(self, query_shape: Any, value_shape: Any) -> None:
        self.dense = layers.Dense(query_shape[-1])

    def call(self, query: Any, value: Any, mask: Any = None) -> Any:
        return self.dense(ops.add(query, value))

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return mask


class Network(Model):
    """A model with a step of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = Scale(2.0)
        self.head = layers.Dense(1)

    def call(self, inputs: Any, training: bool = False) -> Any:
        scaled = self.scale(inputs, training=training)
        return self.head(scaled)

    def train_step(self, data: Any) -> dict[str, Any]:
        logs = super().train_step(data)
        return logs | {"one": 1.0}

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, **kwargs: Any
    ) -> Any:
        return super().compute_loss(x, y, y_pred, **kwargs)


class Steps(Model):
    """A model with Keras's form of a step for JAX."""

    def train_step(self, state: Any, data: Any) -> Any:
        return state


class Percent(lamina.metrics.Metric):
    """A metric."""

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.total = ops.sum(y_true - y_pred)

    def result(self) -> Any:
        return self.total


class Absolute(lamina.losses.Loss):
    """A loss."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.abs(y_true - y_pred)


class Prints(lamina.callbacks.Callback):
    """A callback."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        print(epoch, logs)


assert_type(Network(), Network)
assert_type(Network().fit(x, y), History)
