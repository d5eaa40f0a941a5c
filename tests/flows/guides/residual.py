"""A small residual network, with a validation split and short names of metrics."""

import numpy as np

import lamina as keras
from lamina import layers

inputs = keras.Input(shape=(16, 16, 3), name="img")
x = layers.Conv2D(8, 3, activation="relu")(inputs)
block_1_output = layers.MaxPooling2D(2)(x)
x = layers.Conv2D(8, 3, padding="same")(block_1_output)
x = layers.BatchNormalization()(x)
x = layers.ReLU()(x)
x = layers.Conv2D(8, 3, activation="relu", padding="same")(x)
block_2_output = layers.add([x, block_1_output])
x = layers.GlobalAveragePooling2D()(block_2_output)
x = layers.Dropout(0.5)(x)
outputs = layers.Dense(10)(x)
model = keras.Model(inputs, outputs, name="toy_resnet")

model.compile(
    optimizer=keras.optimizers.RMSprop(1e-3),
    loss=keras.losses.CategoricalCrossentropy(from_logits=True),
    metrics=["acc"],
)
random = np.random.default_rng(0)
images = random.random((40, 16, 16, 3)).astype("float32")
labels = keras.utils.to_categorical(random.integers(10, size=40), 10)
history = model.fit(
    images, labels, batch_size=8, epochs=1, validation_split=0.2, verbose=0
)
assert set(history.history) == {"loss", "acc", "val_loss", "val_acc"}
