"""Networks in Keras's API: `api` is lamina or keras, the lines are the same.

Each function is the `network` of a `Training`.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from benchmarks.workload import Training


def build(api: ModuleType, training: Training) -> Any:
    """Return the task's network as an uncompiled model of `api`."""
    return globals()[training.network](api, **training.options)


def dense(api: ModuleType, widths: tuple[int, ...], last: str | None = None) -> Any:
    inputs, *hidden, outputs = widths
    return api.Sequential(
        [
            api.Input((inputs,)),
            *(api.layers.Dense(units, activation="relu") for units in hidden),
            api.layers.Dense(outputs, activation=last),
        ]
    )


def mnist_cnn(api: ModuleType) -> Any:
    layers = api.layers
    return api.Sequential(
        [
            api.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def vgg(api: ModuleType) -> Any:
    layers = api.layers
    stack = [api.Input((32, 32, 3))]
    for filters in (32, 64):
        stack += [
            layers.Conv2D(filters, 3, activation="relu"),
            layers.Conv2D(filters, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
        ]
    stack += [
        layers.Flatten(),
        layers.Dense(256, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]
    return api.Sequential(stack)


def resnet20(api: ModuleType) -> Any:
    layers = api.layers

    def convolved(x: Any, filters: int, strides: int = 1) -> Any:
        x = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = api.Input((32, 32, 3))
    x = layers.ReLU()(convolved(inputs, 16))
    for filters in (16, 32, 64):
        for block in range(3):
            strides = 2 if filters > 16 and block == 0 else 1
            shortcut = x if strides == 1 else layers.Conv2D(filters, 1, strides)(x)
            x = layers.ReLU()(convolved(x, filters, strides))
            x = layers.ReLU()(layers.add([convolved(x, filters), shortcut]))
    x = layers.GlobalAveragePooling2D()(x)
    return api.Model(inputs, layers.Dense(10, activation="softmax")(x))


def separable(api: ModuleType) -> Any:
    layers = api.layers
    stack = [
        api.Input((32, 32, 3)),
        layers.Conv2D(32, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
    ]
    for filters, strides in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1)):
        stack += [
            layers.SeparableConv2D(filters, 3, strides, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
        ]
    stack += [
        layers.GlobalAveragePooling2D(),
        layers.Dense(10, activation="softmax"),
    ]
    return api.Sequential(stack)


def augmented(api: ModuleType) -> Any:
    """Return random flips, rotations, zooms and contrast before one dense layer."""
    layers = api.layers
    return api.Sequential(
        [
            api.Input((96, 96, 3)),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.2),
            layers.RandomContrast(0.2, value_range=(0, 1)),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def autoencoder(api: ModuleType) -> Any:
    layers = api.layers

    def kind(name: str, filters: int) -> Any:
        layer = getattr(layers, name)
        return layer(filters, 3, 2, padding="same", activation="relu")

    return api.Sequential(
        [
            api.Input((28, 28, 1)),
            kind("Conv2D", 32),
            kind("Conv2D", 64),
            kind("Conv2DTranspose", 64),
            kind("Conv2DTranspose", 32),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
        ]
    )


def recurrent(
    api: ModuleType, layer: str, vocabulary: int, width: int, length: int
) -> Any:
    return api.Sequential(
        [
            api.Input((length,), dtype="int32"),
            api.layers.Embedding(vocabulary, width),
            getattr(api.layers, layer)(width),
            api.layers.Dense(1, activation="sigmoid"),
        ]
    )


def transformer(
    api: ModuleType, vocabulary: int, length: int, width: int, heads: int, blocks: int
) -> Any:
    """Causal transformer with pre-normalization that predicts the next word."""
    layers = api.layers

    class Positions(layers.Layer):
        """Learned position embedding, added to the inputs."""

        def build(self, input_shape: Any) -> None:
            self.vectors = self.add_weight(
                shape=input_shape[1:], initializer="uniform", name="vectors"
            )

        def call(self, inputs: Any) -> Any:
            return inputs + self.vectors

    inputs = api.Input((length,), dtype="int32")
    x = Positions()(layers.Embedding(vocabulary, width)(inputs))
    for _ in range(blocks):
        y = layers.LayerNormalization()(x)
        attention = layers.MultiHeadAttention(heads, width // heads)
        x = layers.add([x, attention(y, y, use_causal_mask=True)])
        y = layers.LayerNormalization()(x)
        y = layers.Dense(4 * width, activation="gelu")(y)
        x = layers.add([x, layers.Dense(width)(y)])
    x = layers.LayerNormalization()(x)
    return api.Model(inputs, layers.Dense(vocabulary, activation="softmax")(x))


def tabular(
    api: ModuleType, columns: int, vocabulary: int, width: int, numbers: int
) -> Any:
    layers = api.layers
    categories = api.Input((columns,), dtype="int32")
    values = api.Input((numbers,))
    vectors = [
        layers.Embedding(vocabulary, width)(categories[:, column])
        for column in range(columns)
    ]
    x = layers.concatenate([*vectors, values])
    for units in (256, 128):
        x = layers.Dense(units, activation="relu")(x)
    outputs = layers.Dense(1, activation="sigmoid")(x)
    return api.Model([categories, values], outputs)
