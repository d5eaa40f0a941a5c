"""A recurrent cell of one's own, alone and in a stack."""

import numpy as np

import lamina as keras
from lamina import ops


class MinimalRNNCell(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="uniform", name="kernel"
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.units),
            initializer="uniform",
            name="recurrent_kernel",
        )

    def call(self, inputs, states):
        prev_output = states[0]
        h = ops.matmul(inputs, self.kernel)
        output = h + ops.matmul(prev_output, self.recurrent_kernel)
        return output, [output]


cell = MinimalRNNCell(4)
layer = keras.layers.RNN(cell)
x = keras.Input((None, 5))
model = keras.Model(x, layer(x))
rows = np.random.default_rng(0).random((2, 3, 5)).astype("float32")
state = np.zeros((2, 4), "float32")
for step in range(3):
    kernel, recurrent_kernel = cell.get_weights()
    state = rows[:, step] @ kernel + state @ recurrent_kernel
np.testing.assert_allclose(model.predict(rows, verbose=0), state, rtol=1e-4)

x = keras.Input((None, 5))
stack = keras.Model(x, keras.layers.RNN([MinimalRNNCell(4), MinimalRNNCell(6)])(x))
assert stack.predict(rows, verbose=0).shape == (2, 6)
