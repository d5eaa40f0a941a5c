"""Regression on a pandas frame, with one column and with all of them."""

import numpy as np
import pandas as pd

import lamina as keras
from lamina import layers

(x, y), _ = keras.datasets.auto_mpg.load_data()
dataset = pd.DataFrame(x[:, :6], columns=list(keras.datasets.auto_mpg.FEATURES[:6]))
dataset["origin"] = np.array(["USA", "Europe", "Japan"])[x[:, 6:].argmax(-1)]
dataset["mpg"] = y
dataset = pd.get_dummies(dataset, columns=["origin"], prefix="", prefix_sep="")
train_dataset = dataset.sample(frac=0.8, random_state=0)
test_dataset = dataset.drop(train_dataset.index)
train_features, test_features = train_dataset.copy(), test_dataset.copy()
train_labels = train_features.pop("mpg")
test_labels = test_features.pop("mpg")

normalizer = layers.Normalization(axis=-1)
normalizer.adapt(np.array(train_features).astype("float32"))

horsepower = np.array(train_features["horsepower"])
horsepower_normalizer = layers.Normalization(input_shape=[1], axis=None)
horsepower_normalizer.adapt(horsepower)
horsepower_model = keras.Sequential([horsepower_normalizer, layers.Dense(units=1)])
assert horsepower_model.predict(horsepower[:10], verbose=0).shape == (10, 1)
horsepower_model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.1), loss="mean_absolute_error"
)
history = horsepower_model.fit(
    train_features["horsepower"], train_labels, epochs=60, verbose=0,
    validation_split=0.2,
)  # fmt: skip
hist = pd.DataFrame(history.history)
hist["epoch"] = history.epoch
assert list(hist) == ["loss", "val_loss", "epoch"]

model = keras.Sequential(
    [
        normalizer,
        layers.Dense(64, activation="relu"),
        layers.Dense(64, activation="relu"),
        layers.Dense(1),
    ]
)
model.compile(loss="mean_absolute_error", optimizer=keras.optimizers.Adam(0.001))
model.fit(train_features, train_labels, validation_split=0.2, verbose=0, epochs=60)
simple = horsepower_model.evaluate(test_features["horsepower"], test_labels, verbose=0)
full = model.evaluate(test_features, test_labels, verbose=0)
predictions = model.predict(test_features, verbose=0).flatten()
np.testing.assert_allclose(np.abs(predictions - test_labels).mean(), full, rtol=1e-5)
assert full < simple < 6
