"""Users and films as vectors that are learned from ratings."""

import numpy as np

import lamina as keras
from lamina import layers, ops


class RecommenderNet(keras.Model):
    def __init__(self, num_users, num_movies, embedding_size, **kwargs):
        super().__init__(**kwargs)
        self.user_embedding = layers.Embedding(
            num_users,
            embedding_size,
            embeddings_initializer="he_normal",
            embeddings_regularizer=keras.regularizers.l2(1e-6),
        )
        self.user_bias = layers.Embedding(num_users, 1)
        self.movie_embedding = layers.Embedding(num_movies, embedding_size)
        self.movie_bias = layers.Embedding(num_movies, 1)

    def call(self, inputs):
        user_vector = self.user_embedding(inputs[:, 0])
        movie_vector = self.movie_embedding(inputs[:, 1])
        match = ops.sum(user_vector * movie_vector, axis=-1, keepdims=True)
        x = match + self.user_bias(inputs[:, 0]) + self.movie_bias(inputs[:, 1])
        return ops.nn.sigmoid(x)


random = np.random.default_rng(0)
x = np.stack([random.integers(20, size=500), random.integers(30, size=500)], axis=1)
y = (x[:, 0] % 2 == x[:, 1] % 2).astype("float32")
model = RecommenderNet(20, 30, 8)
model.compile(
    loss=keras.losses.BinaryCrossentropy(),
    optimizer=keras.optimizers.Adam(learning_rate=0.05),
    metrics=["accuracy"],
)
model.fit(
    x=x[:450], y=y[:450], batch_size=64, epochs=20, verbose=0,
    validation_data=(x[450:], y[450:]),
)  # fmt: skip
ratings = model.predict(x, verbose=0).flatten()
assert np.mean((ratings > 0.5) == y) > 0.95
