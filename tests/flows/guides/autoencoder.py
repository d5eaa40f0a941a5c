"""An autoencoder whose halves are models too, and a convolutional one."""

import numpy as np

import lamina as keras
from lamina import layers, regularizers

input_img = keras.Input(shape=(64,))
encoded = layers.Dense(
    8, activation="relu", activity_regularizer=regularizers.l1(10e-5)
)(input_img)
decoded = layers.Dense(64, activation="sigmoid")(encoded)
autoencoder = keras.Model(input_img, decoded)
encoder = keras.Model(input_img, encoded)
encoded_input = keras.Input(shape=(8,))
decoder = keras.Model(encoded_input, autoencoder.layers[-1](encoded_input))

autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
(x_train, _), (x_test, _) = keras.datasets.digits.load_data()
x_train, x_test = (
    x.reshape(len(x), 64).astype("float32") / 16 for x in (x_train, x_test)
)
autoencoder.fit(
    x_train, x_train, epochs=5, batch_size=64, shuffle=True,
    validation_data=(x_test, x_test), verbose=0,
)  # fmt: skip
codes = encoder.predict(x_test, verbose=0)
np.testing.assert_allclose(
    decoder.predict(codes, verbose=0),
    autoencoder.predict(x_test, verbose=0),
    rtol=1e-4,
)

input_img = keras.Input(shape=(8, 8, 1))
x = layers.Conv2D(8, (3, 3), activation="relu", padding="same")(input_img)
x = layers.MaxPooling2D((2, 2), padding="same")(x)
x = layers.Conv2D(8, (3, 3), activation="relu", padding="same")(x)
x = layers.UpSampling2D((2, 2))(x)
decoded = layers.Conv2D(1, (3, 3), activation="sigmoid", padding="same")(x)
autoencoder = keras.Model(input_img, decoded)
autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
images = x_train.reshape(-1, 8, 8, 1)
noisy = np.clip(images + 0.3 * np.random.default_rng(0).normal(size=images.shape), 0, 1)
history = autoencoder.fit(noisy, images, epochs=3, batch_size=64, verbose=0).history
assert history["loss"][-1] < history["loss"][0]
