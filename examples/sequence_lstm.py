"""Classify a digit as a sequence of eight rows of pixels.
An LSTM predicts the digit after each row."""

import numpy as np

import lamina
from lamina import layers

lamina.utils.set_random_seed(0)
(x, y), (x_test, y_test) = lamina.datasets.digits.load_data()
x, x_test = x / np.float32(16), x_test / np.float32(16)

model = lamina.Sequential(
    [
        layers.Input((8, 8)),
        layers.LSTM(64, return_sequences=True),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
every_row = np.repeat(y[:, None], 8, axis=1)
model.fit(x, every_row, epochs=50, verbose=0)

guesses = model.predict(x_test).argmax(-1)  # (digits, rows)
print("Digits known after reading")
for row, right in enumerate((guesses == y_test[:, None]).mean(axis=0), start=1):
    print(f"  {row} of 8 rows: {'#' * round(40 * right):40} {right:.1%}")

print("\nA new digit, and the guess after each row:")
for line, guess in zip(x_test[0], guesses[0], strict=True):
    print("   ", "".join(" .:*#"[int(4 * ink)] * 2 for ink in line), f"  {guess}")
