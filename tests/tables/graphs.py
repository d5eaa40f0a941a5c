"""Models of every structure, for files: shared layers, models in models, functions in
graphs, classes of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tests.tables.arrays import floats, ints

ROWS = floats(6, 4, seed=21)
OTHERS = floats(6, 4, seed=22)
STEPS = floats(6, 5, 4, seed=23)
PICTURES = floats(6, 6, 6, 2, seed=24)
WORDS = ints(6, 5, below=7, seed=25)


class GraphCase(NamedTuple):
    name: str
    make: Callable[[Any], Any]
    x: Any


def shared_layer(k):
    left, right = k.Input((4,), name="left"), k.Input((4,), name="right")
    shared = k.layers.Dense(3, activation="tanh", name="shared")
    both = k.layers.Concatenate()([shared(left), shared(right)])
    return k.Model([left, right], [k.layers.Dense(2)(both), shared(right)])


def dictionaries(k):
    inputs = {"a": k.Input((4,), name="a"), "b": k.Input((4,), name="b")}
    both = k.layers.Add()([inputs["a"], inputs["b"]])
    return k.Model(inputs, {"sum": both, "out": k.layers.Dense(2, name="out")(both)})


def encoder(k, name):
    return k.Sequential(
        [k.Input((4,)), k.layers.Dense(3, activation="relu"), k.layers.Dropout(0.2)],
        name=name,
    )


def models_in_models(k):
    x = k.Input((4,))
    inner = encoder(k, "inner")
    wrapped = k.Model(x, k.layers.BatchNormalization()(inner(x)), name="wrapped")
    y, z = k.Input((4,), name="y"), k.Input((4,), name="z")
    return k.Model([y, z], k.layers.Dense(2)(wrapped(y) + wrapped(z)))


def nested_sequential(k):
    return k.Sequential(
        [
            k.Input((4,)),
            encoder(k, "first"),
            k.Sequential([k.layers.Dense(2), k.layers.Activation("softmax")]),
        ]
    )


def frozen_inside(k):
    model = models_in_models(k)
    model.get_layer("wrapped").trainable = False
    return model


def arithmetic(k):
    x, y = k.Input((4,), name="x"), k.Input((4,), name="y")
    z = (x + y) * 0.5 - y / (2.0 + x**2)
    z = 1 - z
    return k.Model([x, y], k.layers.Dense(2)(-abs(z) @ np.ones((4, 3), "float32")))


def shapes(k):
    x = k.Input((5, 4))
    y = k.ops.transpose(k.ops.reshape(x, (-1, 4, 5)), (0, 2, 1))
    y = k.ops.concatenate([y, x[:, ::-1], k.ops.flip(x, axis=1)], axis=-1)
    y = k.ops.squeeze(k.ops.expand_dims(y[:, 1:], 1), 1)
    y = k.ops.pad(y, [[0, 0], [1, 0], [0, 0]], constant_values=0.5)
    first, second = k.ops.split(k.ops.repeat(y, 2, axis=-1), 2, axis=-1)
    return k.Model(x, k.ops.stack([first, second[..., :12]], axis=1))


def reductions(k):
    x = k.Input((5, 4))
    mean = k.ops.mean(x, axis=1, keepdims=True)
    deviation = k.ops.sqrt(k.ops.var(x, axis=1, keepdims=True) + 1e-3)
    y = k.ops.sum((x - mean) / deviation, axis=-1)
    top = k.ops.max(x, axis=[1, 2]) + k.ops.logsumexp(x, axis=(1, 2))
    chosen = k.ops.take(y, [0, 2], axis=1)
    return k.Model(x, [y, top, k.ops.argmax(x, axis=-1), chosen])


def functions(k):
    x = k.Input((5, 4))
    y = k.ops.softmax(k.ops.leaky_relu(x, negative_slope=0.1), axis=1)
    y = k.ops.where(x > 0, y, k.ops.sigmoid(x))
    y = k.ops.clip(k.ops.einsum("bij,bkj->bik", y, x), -1.0, 1.5)
    y = k.ops.tensordot(y, np.ones((5, 2), "float32"), axes=1)
    y = k.ops.maximum(k.ops.exp(y), k.ops.cast(x[..., :2] > 0.1, "float32"))
    one = k.ops.one_hot(k.ops.argmin(x, axis=-1), 4)
    return k.Model(x, [y, one, k.ops.logical_and(x > 0, x < 0.5)])


def recurrent(k):
    x = k.Input((5,), dtype="int32")
    y = k.layers.Embedding(7, 3, mask_zero=True)(x)
    y = k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True))(y)
    y, state = k.layers.GRU(3, return_state=True)(y)
    return k.Model(x, [y, k.layers.Dense(2)(state)])


def attention(k):
    x = k.Input((5, 4))
    heads = k.layers.MultiHeadAttention(2, 3, name="heads")
    y = k.layers.LayerNormalization()(x + heads(x, x, use_causal_mask=True))
    return k.Model(x, k.layers.GlobalAveragePooling1D()(y))


def residual_pictures(k):
    x = k.Input((6, 6, 2))
    y = k.layers.Conv2D(2, 3, padding="same", activation="relu")(x)
    y = k.layers.SeparableConv2D(2, 3, padding="same")(y)
    y = k.layers.MaxPooling2D()(k.layers.add([x, y]))
    return k.Model(x, k.layers.Dense(3)(k.layers.Flatten()(y)))


def half_precision(k):
    inputs = k.Input((4,))
    hidden = k.layers.Dense(3, activation="relu", dtype="mixed_bfloat16")(inputs)
    return k.Model(inputs, k.layers.Dense(2, dtype="float32")(hidden))


def gated(k):
    """A layer of the user's, its arguments in `get_config`."""

    @k.saving.register_keras_serializable("tests")
    class Gated(k.layers.Layer):
        def __init__(self, units, inner=None, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.inner = inner or k.layers.Dense(units, activation="sigmoid")
            self.value = k.layers.Dense(units)

        def build(self, input_shape):
            for layer in (self.inner, self.value):
                if not layer.built:
                    layer.build(input_shape)
            self.scale = self.add_weight((self.units,), "ones", name="scale")

        def call(self, inputs):
            return self.inner(inputs) * self.value(inputs) * self.scale

        def compute_output_shape(self, input_shape):
            return (*input_shape[:-1], self.units)

        def get_config(self):
            inner = k.saving.serialize_keras_object(self.inner)
            return {**super().get_config(), "units": self.units, "inner": inner}

        @classmethod
        def from_config(cls, config):
            inner = k.saving.deserialize_keras_object(config.pop("inner"))
            return cls(inner=inner, **config)

    return Gated


def own_layer(k):
    layer = gated(k)(3, k.layers.Dense(3, activation="tanh"))
    return k.Sequential([k.Input((4,)), layer, k.layers.Dense(2)])


def own_function(k):
    @k.saving.register_keras_serializable("tests")
    def doubled(x):
        return k.ops.tanh(x) * 2

    return k.Sequential([k.Input((4,)), k.layers.Dense(3, activation=doubled)])


def subclassed(k):
    @k.saving.register_keras_serializable("tests")
    class Classifier(k.Model):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.hidden = [k.layers.Dense(units, activation="relu") for _ in range(2)]
            self.norm = k.layers.BatchNormalization()
            self.heads = {"a": k.layers.Dense(2), "b": k.layers.Dense(1)}

        def call(self, inputs, training=None):
            for layer in self.hidden:
                inputs = layer(inputs)
            inputs = self.norm(inputs, training=training)
            return self.heads["a"](inputs) + self.heads["b"](inputs)

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    return Classifier(3)


def normalised(k):
    layer = k.layers.Normalization(axis=-1)
    layer.adapt(ROWS * 3 + 1)
    return k.Sequential([k.Input((4,)), layer, k.layers.Dense(2)])


GRAPHS = [
    GraphCase("shared_layer", shared_layer, [ROWS, OTHERS]),
    GraphCase("dictionaries", dictionaries, {"a": ROWS, "b": OTHERS}),
    GraphCase("models_in_models", models_in_models, [ROWS, OTHERS]),
    GraphCase("nested_sequential", nested_sequential, ROWS),
    GraphCase("frozen_inside", frozen_inside, [ROWS, OTHERS]),
    GraphCase("arithmetic", arithmetic, [ROWS, OTHERS]),
    GraphCase("shapes", shapes, STEPS),
    GraphCase("reductions", reductions, STEPS),
    GraphCase("functions", functions, STEPS),
    GraphCase("recurrent", recurrent, WORDS),
    GraphCase("attention", attention, STEPS),
    GraphCase("residual_pictures", residual_pictures, PICTURES),
    GraphCase("half_precision", half_precision, ROWS),
    GraphCase("own_layer", own_layer, ROWS),
    GraphCase("own_function", own_function, ROWS),
    GraphCase("subclassed", subclassed, ROWS),
    GraphCase("normalised", normalised, ROWS),
]
