"""The first line of defence: build, fit, save, load, in a few seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import layers


def rows() -> tuple[Any, Any]:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(96, 4)).astype("float32")
    return x, (x.sum(axis=1) > 0).astype("int32")


def stacked() -> lamina.Model:
    return lamina.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.1),
            layers.Dense(2, activation="softmax"),
        ]
    )


def wired() -> lamina.Model:
    inputs = layers.Input((4,))
    left = layers.Dense(8, activation="relu")(inputs)
    right = layers.Dense(8, activation="tanh")(inputs)
    outputs = layers.Dense(2, activation="softmax")(layers.add([left, right]))
    return lamina.Model(inputs, outputs)


class Subclassed(lamina.Model):
    """Layers as attributes, Python in between."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = [layers.Dense(8, activation="relu") for _ in range(2)]
        self.head = layers.Dense(2, activation="softmax")

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        for layer in self.hidden:
            inputs = layer(inputs)
        return self.head(inputs)


@pytest.mark.parametrize("style", [stacked, wired, Subclassed])
def test_a_model_learns_and_survives_its_file(style: Any, tmp_path: Path) -> None:
    x, y = rows()
    model = style()
    adam = lamina.optimizers.Adam(0.02)
    model.compile(adam, "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=30, verbose=0, seed=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert model.evaluate(x, y, verbose=0)[1] > 0.8
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = lamina.models.load_model(path, {"Subclassed": Subclassed})
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    assert int(loaded.optimizer.iterations) == 90


def test_mistakes_are_explained_before_training() -> None:
    x, y = rows()
    model = stacked()
    with pytest.raises(lamina.errors.StateError, match="compile"):
        model.fit(x, y)
    with pytest.raises(lamina.errors.ShapeError, match="dense|input"):
        model.predict(x[:, :3])
    with pytest.raises(lamina.errors.ArgumentTypeError, match="Did you mean 'units'"):
        layers.Dense(unit=3)
