"""A regressor that also has to rebuild its input; residual blocks; an own metric."""

import numpy as np

import lamina as keras
from lamina import ops


class ResidualBlock(keras.layers.Layer):
    def __init__(self, n_layers, n_neurons, **kwargs):
        super().__init__(**kwargs)
        self.hidden = [
            keras.layers.Dense(n_neurons, activation="relu") for _ in range(n_layers)
        ]

    def call(self, inputs):
        Z = inputs
        for layer in self.hidden:
            Z = layer(Z)
        return inputs + Z


class ReconstructingRegressor(keras.Model):
    def __init__(self, output_dim, **kwargs):
        super().__init__(**kwargs)
        self.hidden = [keras.layers.Dense(16, activation="relu") for _ in range(2)]
        self.block = ResidualBlock(2, 16)
        self.out = keras.layers.Dense(output_dim)
        self.reconstruction_mean = keras.metrics.Mean(name="reconstruction_error")

    def build(self, batch_input_shape):
        self.reconstruct = keras.layers.Dense(batch_input_shape[-1])
        self.built = True

    def call(self, inputs, training=None):
        Z = inputs
        for layer in self.hidden:
            Z = layer(Z)
        Z = self.block(Z)
        recon_loss = ops.mean(ops.square(self.reconstruct(Z) - inputs))
        self.add_loss(0.05 * recon_loss)
        if training:
            self.reconstruction_mean.update_state(recon_loss)
        return self.out(Z)


random = np.random.default_rng(0)
x = random.random((64, 8))
y = x.sum(axis=1, keepdims=True)
model = ReconstructingRegressor(1)
model.compile(loss="mse", optimizer="nadam")
history = model.fit(x, y, epochs=10, verbose=0).history
assert set(history) == {"loss", "reconstruction_error"}
assert history["reconstruction_error"][-1] < history["reconstruction_error"][0]
