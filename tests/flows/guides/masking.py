"""Padding, masks that travel through layers, and layers that make or use them."""

import numpy as np

import lamina as keras
from lamina import layers, ops

raw_inputs = [[711, 632, 71], [73, 8, 3215, 55, 927], [83, 91, 1, 645, 1253, 927]]
padded_inputs = keras.utils.pad_sequences(raw_inputs, padding="post")
assert padded_inputs.shape == (3, 6)

embedding = layers.Embedding(input_dim=5000, output_dim=16, mask_zero=True)
mask = np.asarray(embedding.compute_mask(padded_inputs))
assert mask.sum(-1).tolist() == [3, 5, 6]

model = keras.Sequential([embedding, layers.LSTM(8)])
long = model(padded_inputs)
cut = model(padded_inputs[:, :5])
np.testing.assert_allclose(long[:2], cut[:2], rtol=1e-5)


class MyLayer(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.embedding = layers.Embedding(50, 16, mask_zero=True)
        self.lstm = layers.LSTM(8)

    def call(self, inputs):
        x = self.embedding(inputs)
        return self.lstm(x, mask=self.embedding.compute_mask(inputs))


MyLayer()(padded_inputs % 50)


class TemporalSplit(keras.layers.Layer):
    def call(self, inputs):
        return ops.split(inputs, 2, axis=1)

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else ops.split(mask, 2, axis=1)


class MyActivation(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        return ops.relu(inputs)


class TemporalSoftmax(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        assert mask is not None
        kept = ops.expand_dims(ops.cast(mask, "float32"), -1)
        exponentials = ops.exp(inputs) * kept
        return exponentials / ops.sum(exponentials * kept, axis=1, keepdims=True)


class CustomEmbedding(keras.layers.Layer):
    def __init__(self, input_dim, output_dim, mask_zero=False, **kwargs):
        super().__init__(**kwargs)
        self.input_dim, self.output_dim = input_dim, output_dim
        self.mask_zero = mask_zero

    def build(self, input_shape):
        self.embeddings = self.add_weight(
            shape=(self.input_dim, self.output_dim),
            initializer="random_normal",
            dtype="float32",
        )

    def call(self, inputs):
        return ops.take(self.embeddings, ops.cast(inputs, "int32"), axis=0)

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs, 0) if self.mask_zero else None


masked = layers.Masking()(ops.ones((3, 6, 4)))
halves = TemporalSplit()(masked)
assert [half.shape for half in halves] == [(3, 3, 4), (3, 3, 4)]

inputs = keras.Input(shape=(None,), dtype="int32")
x = CustomEmbedding(5000, 8, mask_zero=True)(inputs)
x = MyActivation()(x)
x = layers.Dense(1)(x)
model = keras.Model(inputs, TemporalSoftmax()(x))
weights = model.predict(padded_inputs, verbose=0)[..., 0]
np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)
assert (weights > 0).tolist() == mask.tolist()
