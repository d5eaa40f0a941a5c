"""Models that are trained on one device and on several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

import lamina
from lamina import layers

ROWS = 45
RNG = np.random.default_rng(0)


class Case(NamedTuple):
    """A model, its data, and layouts for two axes of devices."""

    make: Callable[[], Any]
    x: Any
    y: Any
    layouts: dict[str, tuple[str | None, ...]]


def compiled(model: Any, optimizer: Any = None) -> Any:
    # Adam makes steps of equal size from gradients that are zero up to rounding, such
    # as those of a bias before a normalization.
    optimizer = optimizer or lamina.optimizers.SGD(0.02, momentum=0.9)
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def dense() -> Any:
    return compiled(
        lamina.Sequential(
            [
                layers.Input((16,)),
                layers.Dense(32, "relu"),
                layers.Dropout(0.3),
                layers.Dense(8, "softmax"),
            ]
        ),
        "adam",
    )


def convolutional() -> Any:
    return compiled(
        lamina.Sequential(
            [
                layers.Input((6, 6, 2)),
                layers.Conv2D(8, 3),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.GlobalAveragePooling2D(),
                layers.Dense(8, "softmax"),
            ]
        )
    )


def recurrent() -> Any:
    return compiled(
        lamina.Sequential(
            [
                layers.Input((5,), dtype="int32"),
                layers.Embedding(16, 8, mask_zero=True),
                layers.LSTM(8),
                layers.Dense(8, "softmax"),
            ]
        )
    )


def transformer() -> Any:
    inputs = layers.Input((5,), dtype="int32")
    x = layers.Embedding(16, 8)(inputs)
    attended = layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)
    x = layers.LayerNormalization()(x + attended)
    outputs = layers.Dense(8, "softmax")(layers.Flatten()(x))
    return compiled(lamina.Model(inputs, outputs))


def two_outputs() -> Any:
    inputs = layers.Input((16,))
    x = layers.Dense(8, "relu")(inputs)
    outputs = {
        "kind": layers.Dense(8, "softmax", name="kind")(x),
        "size": layers.Dense(1, name="size")(x),
    }
    model = lamina.Model(inputs, outputs)
    losses = {"kind": "sparse_categorical_crossentropy", "size": "mse"}
    model.compile("sgd", losses)
    return model


class OwnStep(lamina.Model):
    """Model whose step is that of a user."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(8, "softmax")

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def train_step(self, data: Any) -> Any:
        x, y = data[:2]

        def loss_of() -> Any:
            rows = lamina.losses.sparse_categorical_crossentropy(y, self(x))
            return jnp.mean(rows)

        variables = self.trainable_variables
        loss, gradients = lamina.value_and_grad(loss_of, variables)
        self.optimizer.apply(gradients, variables)
        return {"loss": loss}


VECTORS = RNG.normal(size=(ROWS, 16)).astype("float32")
IMAGES = RNG.normal(size=(ROWS, 6, 6, 2)).astype("float32")
WORDS = RNG.integers(0, 16, (ROWS, 5))
CLASSES = RNG.integers(0, 8, ROWS)
BOTH = {"kind": CLASSES, "size": VECTORS[:, :1]}

KERNELS = {"dense.*/kernel": (None, "model")}

CASES = {
    "dense": Case(dense, VECTORS, CLASSES, KERNELS | {"dense/bias": ("model",)}),
    "convolutional": Case(
        convolutional, IMAGES, CLASSES, {"conv2d.*/kernel": (None, None, None, "model")}
    ),
    "recurrent": Case(
        recurrent,
        WORDS,
        CLASSES,
        {"embedding/.*": (None, "model"), "lstm/lstm_cell/kernel": (None, "model")},
    ),
    "transformer": Case(
        transformer, WORDS, CLASSES, KERNELS | {"embedding.*": ("model", None)}
    ),
    "two_outputs": Case(two_outputs, VECTORS, BOTH, {"kind/kernel": ("model", None)}),
    "own_step": Case(
        lambda: compiled(OwnStep()),
        VECTORS,
        CLASSES,
        {".*/dense/kernel": (None, "model")},
    ),
}
