"""Classify handwritten digits with convolutions and inspect the errors.
The confused digits explain the accuracy."""

import numpy as np

import lamina
from lamina import layers

lamina.utils.set_random_seed(0)
(x, y), (x_test, y_test) = lamina.datasets.digits.load_data()
x, x_test = (images[..., None] / np.float32(16) for images in (x, x_test))

model = lamina.Sequential(
    [
        layers.Input((8, 8, 1)),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.summary()
model.fit(x, y, epochs=20, verbose=0)

_, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"\n{accuracy:.1%} of {len(x_test)} new digits are read correctly.")

probabilities = model.predict(x_test)
read = probabilities.argmax(-1)
for row in np.flatnonzero(read != y_test):
    sure = probabilities[row].max()
    print(f"This {y_test[row]} was taken for {read[row]} ({sure:.0%} sure):")
    for line in x_test[row, ..., 0]:
        print("   ", "".join(" .:*#"[int(4 * ink)] * 2 for ink in line))
