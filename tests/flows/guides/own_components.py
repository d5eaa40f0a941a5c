"""Losses, metrics, activations, initializers and penalties of one's own, in a file."""

import tempfile
from pathlib import Path

import numpy as np

import lamina as keras
from lamina import ops


def create_huber(threshold=1.0):
    def huber_fn(y_true, y_pred):
        error = y_true - y_pred
        squared_loss = ops.square(error) / 2
        linear_loss = threshold * ops.abs(error) - threshold**2 / 2
        return ops.where(ops.abs(error) < threshold, squared_loss, linear_loss)

    return huber_fn


class HuberLoss(keras.losses.Loss):
    def __init__(self, threshold=1.0, **kwargs):
        self.threshold = threshold
        super().__init__(**kwargs)

    def call(self, y_true, y_pred):
        return create_huber(self.threshold)(y_true, y_pred)

    def get_config(self):
        base_config = super().get_config()
        return {**base_config, "threshold": self.threshold}


class HuberMetric(keras.metrics.Metric):
    def __init__(self, threshold=1.0, **kwargs):
        super().__init__(**kwargs)
        self.threshold = threshold
        self.huber_fn = create_huber(threshold)
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.total.assign_add(ops.sum(self.huber_fn(y_true, y_pred)))
        self.count.assign_add(ops.cast(ops.size(y_true), "float32"))

    def result(self):
        return self.total / self.count

    def get_config(self):
        base_config = super().get_config()
        return {**base_config, "threshold": self.threshold}


def my_softplus(z):
    return ops.log(1.0 + ops.exp(z))


def my_glorot_initializer(shape, dtype=None):
    stddev = float(np.sqrt(2.0 / (shape[0] + shape[1])))
    return keras.random.normal(shape, stddev=stddev, dtype=dtype)


def my_positive_weights(weights):
    return ops.where(weights < 0.0, ops.zeros_like(weights), weights)


class MyL1Regularizer(keras.regularizers.Regularizer):
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, weights):
        return ops.sum(ops.abs(self.factor * weights))

    def get_config(self):
        return {"factor": self.factor}


model = keras.Sequential(
    [
        keras.layers.Dense(8, activation="relu", input_shape=(4,)),
        keras.layers.Dense(
            1,
            activation=my_softplus,
            kernel_initializer=my_glorot_initializer,
            kernel_regularizer=MyL1Regularizer(0.01),
            kernel_constraint=my_positive_weights,
        ),
    ]
)
model.compile(
    loss=HuberLoss(2.0),
    optimizer="nadam",
    metrics=["mae", HuberMetric(2.0), create_huber(2.0)],
)
random = np.random.default_rng(0)
x, y = random.random((40, 4)), 5 * random.random((40, 1))
model.fit(x, y, epochs=2, verbose=0)
assert model.layers[1].kernel.numpy().min() >= 0
logs = model.evaluate(x, y, verbose=0, return_dict=True)
np.testing.assert_allclose(logs["huber_metric"], logs["huber_fn"], rtol=1e-5)

path = Path(tempfile.mkdtemp()) / "model.keras"
model.save(path)
again = keras.models.load_model(
    path,
    custom_objects={
        "HuberLoss": HuberLoss,
        "HuberMetric": HuberMetric,
        "huber_fn": create_huber(2.0),
        "my_softplus": my_softplus,
        "my_glorot_initializer": my_glorot_initializer,
        "MyL1Regularizer": MyL1Regularizer,
        "my_positive_weights": my_positive_weights,
    },
)
assert again.evaluate(x, y, verbose=0, return_dict=True) == logs
again.fit(x, y, epochs=1, verbose=0)
