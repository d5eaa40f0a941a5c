"""A model small enough to train in every test, and one that only pretends to."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from lamina import Input, Sequential, layers
from lamina.training.callbacks import Callback

X = np.linspace(-1, 1, 30).reshape(10, 3)
Y = X @ [[1.0], [-2.0], [0.5]]


def small_model(**compiled):
    model = Sequential([Input((3,)), layers.Dense(1, kernel_initializer="zeros")])
    model.compile(**{"optimizer": "sgd", "loss": "mse", "metrics": ["mae"], **compiled})
    return model


class Pretender:
    """Minimal model for callbacks, whose only weight is the epoch."""

    def __init__(self):
        self.stop_training = False
        self.weight = -1
        self.metrics = []
        self.optimizer = SimpleNamespace(learning_rate=1.0)

    def get_weights(self):
        return [self.weight]

    def set_weights(self, weights):
        [self.weight] = weights


def follow(callback: Callback, values, name="loss") -> Pretender:
    """Pretend to train for as many epochs as there are values, or until stopped."""
    model = Pretender()
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        model.weight = epoch
        callback.on_epoch_begin(epoch, {})
        callback.on_epoch_end(epoch, {name: float(value)})
        if model.stop_training:
            break
    callback.on_train_end()
    return model
