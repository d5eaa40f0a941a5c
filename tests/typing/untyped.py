"""The same, as most users write: without annotations."""

# pyright: basic

import numpy as np

import lamina
from lamina import layers, ops


class Scale(layers.Layer):
    def build(self, input_shape):
        self.weight = self.add_weight(shape=(input_shape[-1],), initializer="ones")

    def call(self, inputs, training=False):
        return inputs * self.weight

    def compute_output_shape(self, input_shape):
        return input_shape


class Network(lamina.Model):
    def __init__(self, units=8, **kwargs):
        super().__init__(**kwargs)
        self.scale = Scale()
        self.dense = layers.Dense(units, activation="relu")
        self.head = layers.Dense(1)

    def call(self, inputs, training=False):
        return self.head(self.dense(self.scale(inputs)))

    def train_step(self, data):
        x, y = data

        def loss_of_batch():
            return ops.mean((self(x, training=True) - y) ** 2)

        variables = self.trainable_variables
        loss, gradients = lamina.value_and_grad(loss_of_batch, variables)
        self.optimizer.apply(gradients, variables)
        return {"loss": loss}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class Stops(lamina.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if logs["loss"] < 0.1:
            self.model.stop_training = True


x = np.ones((8, 4), "float32")
model = Network()
model.compile("adam", "mse")
history = model.fit(x, x[:, :1], epochs=3, callbacks=[Stops()])
print(history.history["loss"][-1], history.epoch)
inputs = lamina.Input((4,))
sequence, state = layers.GRU(3, return_state=True)(layers.Reshape((2, 2))(inputs))
wired = lamina.Model(inputs, layers.Dense(2)(state) * 2 + 1)
wired.summary()
scores = wired.predict(x)
print(scores.shape, scores[0], np.argmax(scores, axis=-1))
