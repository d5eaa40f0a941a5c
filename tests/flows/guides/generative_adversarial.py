"""A model without `call`, trained by two optimizers in a step of its own."""

import numpy as np

import lamina as keras
from lamina import layers, ops


class GAN(keras.Model):
    def __init__(self, discriminator, generator, latent_dim):
        super().__init__()
        self.discriminator = discriminator
        self.generator = generator
        self.latent_dim = latent_dim
        self.seed_generator = keras.random.SeedGenerator(1337)
        self.d_loss_tracker = keras.metrics.Mean(name="d_loss")
        self.g_loss_tracker = keras.metrics.Mean(name="g_loss")

    @property
    def metrics(self):
        return [self.d_loss_tracker, self.g_loss_tracker]

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer = d_optimizer
        self.g_optimizer = g_optimizer
        self.loss_fn = loss_fn

    def noise(self, count):
        return keras.random.normal((count, self.latent_dim), seed=self.seed_generator)

    def train_step(self, real):
        count = ops.shape(real)[0]
        fake = self.generator(self.noise(count))
        images = ops.concatenate([fake, real], axis=0)
        labels = ops.concatenate([ops.ones((count, 1)), ops.zeros((count, 1))], axis=0)

        def d_loss():
            return self.loss_fn(labels, self.discriminator(images))

        def g_loss():
            fake = self.generator(self.noise(count))
            return self.loss_fn(ops.zeros((count, 1)), self.discriminator(fake))

        for loss_of, network, optimizer, tracker in (
            (d_loss, self.discriminator, self.d_optimizer, self.d_loss_tracker),
            (g_loss, self.generator, self.g_optimizer, self.g_loss_tracker),
        ):
            weights = network.trainable_weights
            loss, gradients = keras.value_and_grad(loss_of, weights)
            optimizer.apply(gradients, weights)
            tracker.update_state(loss)
        return {m.name: m.result() for m in self.metrics}


keras.utils.set_random_seed(0)
discriminator = keras.Sequential(
    [keras.Input((2,)), layers.Dense(32), layers.LeakyReLU(0.2), layers.Dense(1)]
)
generator = keras.Sequential(
    [keras.Input((4,)), layers.Dense(32, activation="relu"), layers.Dense(2)]
)
gan = GAN(discriminator, generator, latent_dim=4)
gan.compile(
    d_optimizer=keras.optimizers.Adam(learning_rate=0.003),
    g_optimizer=keras.optimizers.Adam(learning_rate=0.003),
    loss_fn=keras.losses.BinaryCrossentropy(from_logits=True),
)
real = np.random.default_rng(0).normal((2.0, -1.0), 0.5, (1024, 2)).astype("float32")
history = gan.fit(real, batch_size=64, epochs=100, verbose=0).history
assert list(history) == ["d_loss", "g_loss"]
made = generator.predict(np.random.default_rng(1).normal(size=(256, 4)), verbose=0)
# From around 0 to where the real points are.
np.testing.assert_allclose(made.mean(axis=0), [2.0, -1.0], atol=1.0)
