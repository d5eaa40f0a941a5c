"""Model files of a Keras 3 release, with what the models predict and learn.

    KERAS_BACKEND=jax python -m tools.golden.keras3 tests/golden/keras-3.8

Run by the release in question, from the repository's root. The models are those of the
tables, so that the tests make the user's own classes from the same place.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np

from tests.tables.arrays import floats
from tests.tables.graphs import GRAPHS
from tests.tables.models import MODELS

STRUCTURES = {
    "models_in_models", "frozen_inside", "arithmetic", "reductions", "recurrent",
    "attention", "own_layer", "subclassed",
}  # fmt: skip
# Without what older releases trained in another way.
TRAINED = {"classification", "convolutional", "recurrent", "normalised"}
if not keras.__version__.startswith("3.0"):
    TRAINED |= {"residual"}
if keras.__version__.startswith("3.15"):
    TRAINED |= {"penalised", "two_heads_by_name", "dictionaries"}


def listed(tree):
    """The arrays in lists and dictionaries, in the order JAX has them in."""
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in listed(tree[key])]
    if isinstance(tree, (list, tuple)):
        return [leaf for item in tree for leaf in listed(item)]
    return [np.asarray(tree)]


def draw(model):
    """Set weights to known values, positive where a variance is meant."""
    for seed, variable in enumerate(model.weights):
        if variable.name in ("mean", "variance", "count"):
            continue
        value = floats(*variable.shape, low=-0.7, high=0.7, seed=100 + seed)
        variable.assign(np.abs(value) + 0.3 if "variance" in variable.name else value)


def structures(folder, kept):
    for case in GRAPHS:
        if case.name in STRUCTURES:
            model = case.make(keras)
            model.predict_on_batch(case.x)
            draw(model)
            model.save(folder / f"{case.name}.keras")
            for i, leaf in enumerate(listed(model.predict_on_batch(case.x))):
                kept[f"{case.name}/predicted.{i}"] = leaf


def trained(folder, kept):
    options = {"batch_size": 8, "shuffle": False, "verbose": 0}
    for case in MODELS:
        if case.name in TRAINED:
            model = case.make(keras)
            draw(model)
            model.compile(**case.compile(keras))
            model.fit(case.x, case.y, epochs=1, **options, **case.fit)
            model.save(folder / f"trained_{case.name}.keras")
            # Averages leave a model that Keras can't go on with: its copy can.
            model = keras.saving.load_model(folder / f"trained_{case.name}.keras")
            predicted = model.predict(case.x, batch_size=8, verbose=0)
            history = model.fit(case.x, case.y, epochs=2, **options, **case.fit)
            after = [*history.history["loss"], *model.get_weights()]
            for i, leaf in enumerate(listed(predicted)):
                kept[f"trained_{case.name}/predicted.{i}"] = leaf
            for i, leaf in enumerate(after):
                kept[f"trained_{case.name}/after.{i}"] = np.asarray(leaf)


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    kept = {}
    for write in (structures, trained):
        write(folder, kept)
    if keras.__version__.startswith("3.15"):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        model.compile("adam", "mse")
        x, y = floats(8, 4, seed=1), floats(8, 3, seed=2)
        model.fit(x, y, verbose=0)
        model.save(folder / "whole.h5")
        kept["whole/x"], kept["whole/predicted.0"] = x, model.predict_on_batch(x)
    np.savez_compressed(folder / "recorded.npz", **kept)
    print(f"Keras {keras.__version__}: {len(kept)} arrays")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
