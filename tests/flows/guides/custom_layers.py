"""Layers of one's own: late weights, layers in layers, losses, configs, noise."""

import numpy as np

import lamina as keras
from lamina import layers, ops


class Linear(keras.layers.Layer):
    def __init__(self, units=32, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer="random_normal",
            trainable=True,
        )
        self.b = self.add_weight(
            shape=(self.units,), initializer="random_normal", trainable=True
        )

    def call(self, inputs):
        return ops.matmul(inputs, self.w) + self.b

    def get_config(self):
        config = super().get_config()
        config.update({"units": self.units})
        return config


class ComputeSum(keras.layers.Layer):
    def __init__(self, input_dim):
        super().__init__()
        self.total = self.add_weight(
            initializer="zeros", shape=(input_dim,), trainable=False
        )

    def call(self, inputs):
        self.total.assign_add(ops.sum(inputs, axis=0))
        return self.total


class MLPBlock(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.linear_1 = Linear(32)
        self.linear_2 = Linear(1)

    def call(self, inputs):
        return self.linear_2(keras.activations.relu(self.linear_1(inputs)))


class ActivityRegularization(keras.layers.Layer):
    def __init__(self, rate=1e-2):
        super().__init__()
        self.penalty = keras.regularizers.L2(rate)

    def call(self, inputs):
        self.add_loss(self.penalty(inputs))
        return inputs


class CustomDropout(keras.layers.Layer):
    def __init__(self, rate, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs, training=None):
        if training:
            return keras.random.dropout(
                inputs, rate=self.rate, seed=self.seed_generator
            )
        return inputs


mlp = MLPBlock()
mlp(ops.ones(shape=(3, 64)))
assert len(mlp.weights) == len(mlp.trainable_weights) == 4

my_sum = ComputeSum(2)
my_sum(ops.ones((2, 2)))
assert my_sum(ops.ones((2, 2))).numpy().tolist() == [4.0, 4.0]
assert my_sum.trainable_weights == []

penalized = ActivityRegularization()
penalized(ops.ones((1, 1)))
penalized(ops.ones((1, 1)))
assert [round(float(loss), 4) for loss in penalized.losses] == [0.01]

inputs = keras.Input(shape=(3,))
outputs = ActivityRegularization()(Linear(3)(CustomDropout(0.5)(inputs)))
model = keras.Model(inputs, outputs)
rows = np.random.default_rng(0).random((8, 3))
model.compile(optimizer="adam", loss="mse")
model.fit(rows, rows, verbose=0)
model.compile(optimizer="adam")  # the layer's own loss is enough
model.fit(rows, rows, verbose=0)
assert np.array_equal(model(rows), model(rows))

config = model.layers[2].get_config()
assert Linear.from_config(config).units == 3
custom_objects = {"Linear": Linear}
stack = keras.Sequential([keras.Input((3,)), Linear(2)])
again = keras.Sequential.from_config(stack.get_config(), custom_objects=custom_objects)
assert again.output_shape == (None, 2)
assert layers.Layer is keras.Layer
