"""A variational autoencoder as a subclass, its divergence added with `add_loss`."""

import numpy as np

import lamina as keras
from lamina import layers, ops


class Sampling(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs):
        z_mean, z_log_var = inputs
        batch = ops.shape(z_mean)[0]
        dim = ops.shape(z_mean)[1]
        epsilon = keras.random.normal(shape=(batch, dim), seed=self.seed_generator)
        return z_mean + ops.exp(0.5 * z_log_var) * epsilon


class Encoder(layers.Layer):
    def __init__(self, latent_dim, intermediate_dim, name="encoder", **kwargs):
        super().__init__(name=name, **kwargs)
        self.dense_proj = layers.Dense(intermediate_dim, activation="relu")
        self.dense_mean = layers.Dense(latent_dim)
        self.dense_log_var = layers.Dense(latent_dim)
        self.sampling = Sampling()

    def call(self, inputs):
        x = self.dense_proj(inputs)
        z_mean = self.dense_mean(x)
        z_log_var = self.dense_log_var(x)
        return z_mean, z_log_var, self.sampling((z_mean, z_log_var))


class VariationalAutoEncoder(keras.Model):
    def __init__(self, original_dim, intermediate_dim=16, latent_dim=4, **kwargs):
        super().__init__(**kwargs)
        self.encoder = Encoder(latent_dim, intermediate_dim)
        self.decoder = keras.Sequential(
            [
                layers.Dense(intermediate_dim, activation="relu"),
                layers.Dense(original_dim, activation="sigmoid"),
            ]
        )

    def call(self, inputs):
        z_mean, z_log_var, z = self.encoder(inputs)
        kl_loss = -0.5 * ops.mean(
            z_log_var - ops.square(z_mean) - ops.exp(z_log_var) + 1
        )
        self.add_loss(kl_loss)
        return self.decoder(z)


x_train = np.random.default_rng(0).random((200, 32)).astype("float32") ** 4
vae = VariationalAutoEncoder(32, name="autoencoder")
vae.compile(
    keras.optimizers.Adam(learning_rate=1e-2), loss=keras.losses.MeanSquaredError()
)
history = vae.fit(x_train, x_train, epochs=4, batch_size=50, verbose=0)
assert history.history["loss"][-1] < history.history["loss"][0]
assert not np.array_equal(vae(x_train[:2]), vae(x_train[:2]))
