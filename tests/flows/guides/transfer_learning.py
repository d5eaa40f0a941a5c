"""A base that is frozen, trained around, thawed, and fine-tuned."""

import numpy as np

import lamina as keras
from lamina import layers

norm = layers.BatchNormalization()
norm.build((None, 4))
assert (len(norm.trainable_weights), len(norm.non_trainable_weights)) == (2, 2)

layer1 = layers.Dense(3, activation="relu")
layer2 = layers.Dense(3, activation="sigmoid")
model = keras.Sequential([keras.Input(shape=(3,)), layer1, layer2])
layer1.trainable = False
initial = layer1.get_weights()
model.compile(optimizer="adam", loss="mse")
model.fit(np.random.random((2, 3)), np.random.random((2, 3)), verbose=0)
np.testing.assert_array_equal(initial[0], layer1.get_weights()[0])

inner = keras.Sequential([keras.Input(shape=(3,)), layers.Dense(3)])
outer = keras.Sequential([keras.Input(shape=(3,)), inner, layers.Dense(3)])
outer.trainable = False
assert inner.layers[0].trainable is False

base_model = keras.Sequential(
    [
        keras.Input((16, 16, 3)),
        layers.Conv2D(4, 3),
        layers.BatchNormalization(),
        layers.Activation("relu"),
    ]
)
base_model.trainable = False
inputs = keras.Input(shape=(16, 16, 3))
x = layers.Rescaling(scale=1 / 127.5, offset=-1)(inputs)
x = base_model(x, training=False)
x = layers.GlobalAveragePooling2D()(x)
x = layers.Dropout(0.2)(x)
outputs = layers.Dense(1)(x)
model = keras.Model(inputs, outputs)
model.summary(show_trainable=True)

images = 255 * np.random.default_rng(0).random((16, 16, 16, 3))
labels = np.arange(16) % 2
loss = keras.losses.BinaryCrossentropy(from_logits=True)
metrics = [keras.metrics.BinaryAccuracy(threshold=0.0)]
model.compile(optimizer=keras.optimizers.Adam(), loss=loss, metrics=metrics)
frozen = base_model.get_weights()
model.fit(images, labels, epochs=1, verbose=0)
for before, after in zip(frozen, base_model.get_weights(), strict=True):
    np.testing.assert_array_equal(before, after)

base_model.trainable = True
model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss, metrics=metrics)
model.fit(images, labels, epochs=1, verbose=0)
assert len(model.trainable_weights) == 6
after = base_model.get_weights()
assert not np.array_equal(frozen[0], after[0])
# Thawed, the statistics move: `fit` counts more than the call with training=False.
assert not np.array_equal(frozen[4], after[4])
