"""The command `lamina demo`: train, evaluate and save two models on real data."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from lamina.core.random.seeds import set_seed
from lamina.datasets import auto_mpg, digits
from lamina.layers import (
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    MaxPooling2D,
    Normalization,
)
from lamina.models import Sequential
from lamina.training.callbacks import EarlyStopping
from lamina.visualization import show_predictions

__all__ = ["run"]

_RELOAD = """
import sys
import numpy as np
import lamina

model = lamina.models.load_model(sys.argv[1])
with np.load(sys.argv[2]) as file:
    np.save(sys.argv[3], model.predict(file["x"], verbose=0))
"""


def run(folder: Path) -> None:
    """Train, evaluate and save two models, and write models and plots to `folder`."""
    began = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    print(f"Models and pictures go to {folder.resolve()}\n")
    set_seed(0)
    fuel_consumption(folder)
    handwritten_digits(folder)
    print(f"\nDone in {time.perf_counter() - began:.0f} seconds.")


def fuel_consumption(folder: Path) -> None:
    """Train a regression on Auto MPG, without and with early stopping."""
    print("== Miles per gallon of cars of the seventies (Auto MPG, 392 rows) ==\n")
    (x_train, y_train), (x_test, y_test) = auto_mpg.load_data()

    def build() -> Sequential:
        normalize = Normalization()
        normalize.adapt(x_train)
        model = Sequential(
            [
                Input((9,)),
                normalize,
                Dense(64, activation="relu"),
                Dense(64, activation="relu"),
                Dense(1),
            ]
        )
        model.compile(optimizer="rmsprop", loss="mse", metrics=["mae", "mse"])
        return model

    model = build()
    model.summary()
    began = time.perf_counter()
    history = model.fit(x_train, y_train, epochs=1000, validation_split=0.2, verbose=0)
    seconds = time.perf_counter() - began
    curve = folder / "auto_mpg_overfitting.png"
    history.plot(skip=20, path=curve)
    best = int(np.argmin(history.history["val_mae"]))
    print(
        f"\n1000 epochs took {seconds:.1f} s. The validation error was lowest after "
        f"epoch {best + 1}\n({history.history['val_mae'][best]:.2f} MPG) and is "
        f"{history.history['val_mae'][-1]:.2f} MPG at the end.\n{curve.name} shows "
        "it from epoch 21 on."
    )

    model = build()
    stop = EarlyStopping("val_loss", patience=50, restore_best_weights=True)
    history = model.fit(
        x_train, y_train, epochs=1000, validation_split=0.2, verbose=0, callbacks=[stop]
    )
    history.plot(skip=20, path=folder / "auto_mpg_early_stopping.png")
    _, mae, _ = model.evaluate(x_test, y_test, verbose=0)
    print(f"With early stopping, training ended after epoch {len(history.epoch)}.")
    print(f"Mean absolute error on the test set: {mae:5.2f} MPG\n")
    predictions = model.predict(x_test).flatten()
    print("predicted   true")
    for predicted, true in zip(predictions[:8], y_test[:8], strict=True):
        print(f"{predicted:9.1f} {true:6.1f}")
    save_and_reload(model, x_test, folder / "auto_mpg.keras")


def handwritten_digits(folder: Path) -> None:
    """Train a small convolutional network on images of digits."""
    print("\n== Handwritten digits (UCI, 1797 images of 8 by 8 pixels) ==\n")
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    x_train, x_test = (x[..., None] / np.float32(16) for x in (x_train, x_test))
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(32, 3, activation="relu", padding="same"),
            Conv2D(32, 3, activation="relu"),
            MaxPooling2D(2),
            Dropout(0.25),
            Flatten(),
            Dense(64, activation="relu"),
            Dropout(0.5),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    print()
    history = model.fit(
        x_train, y_train, epochs=30, validation_data=(x_test, y_test), verbose=2
    )
    history.plot(path=folder / "digits_learning_curves.png")
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"\nAccuracy on the test set: {accuracy:.1%}")
    predicted = model.predict(x_test).argmax(-1)
    wrong = predicted != y_test
    order = np.argsort(~wrong, kind="stable")[:32]
    picture = folder / "digits_predictions.png"
    show_predictions(model, x_test[order], y_test[order], count=32, path=picture)
    print(f"{picture.name} shows predictions, the {wrong.sum()} wrong ones first.")
    save_and_reload(model, x_test, folder / "digits.keras")


def save_and_reload(model: Sequential, x: np.ndarray, path: Path) -> None:
    """Save a model, load it in a new process and compare the predictions."""
    model.save(path)
    expected = model.predict(x, verbose=0)
    data, result = path.with_suffix(".x.npz"), path.with_suffix(".y.npy")
    np.savez(data, x=x)
    command = [sys.executable, "-c", _RELOAD, str(path), str(data), str(result)]
    subprocess.run(command, check=True)
    is_equal = np.array_equal(np.load(result), expected)
    data.unlink()
    result.unlink()
    verdict = "the same bits" if is_equal else "different values"
    print(f"\nSaved to {path.name}; loaded in a new process it predicts {verdict}.")
    if not is_equal:
        raise SystemExit(1)
