"""Models made of tensors, models inside models, and an ensemble of them."""

import numpy as np

import lamina as keras
from lamina import layers

image = keras.Input(shape=(12, 12, 1), name="img")
x = layers.Conv2D(4, 3, activation="relu")(image)
x = layers.Conv2D(8, 3, activation="relu")(x)
x = layers.MaxPooling2D(2)(x)
x = layers.Conv2D(16, 3, activation="relu")(x)
code = layers.GlobalMaxPooling2D()(x)
encoder = keras.Model(image, code, name="encoder")

code_input = keras.Input(shape=(16,), name="encoded_img")
x = layers.Reshape((4, 4, 1))(code_input)
x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
x = layers.UpSampling2D(3)(x)
decoded = layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x)
decoder = keras.Model(code_input, decoded, name="decoder")

outer = keras.Input(shape=(12, 12, 1), name="img")
autoencoder = keras.Model(outer, decoder(encoder(outer)), name="autoencoder")
autoencoder.summary(expand_nested=True)
assert autoencoder.count_params() == encoder.count_params() + decoder.count_params()

autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
images = np.random.default_rng(0).random((64, 12, 12, 1))
history = autoencoder.fit(images, images, batch_size=16, epochs=2, verbose=0)
assert history.history["loss"][-1] < history.history["loss"][0]


def get_model():
    inputs = keras.Input(shape=(8,))
    return keras.Model(inputs, layers.Dense(1)(inputs))


members = [get_model() for _ in range(3)]
inputs = keras.Input(shape=(8,))
ensemble = keras.Model(inputs, layers.average([member(inputs) for member in members]))
rows = np.ones((2, 8))
np.testing.assert_allclose(
    ensemble.predict(rows, verbose=0),
    np.mean([member.predict(rows, verbose=0) for member in members], axis=0),
    rtol=1e-5,
)
