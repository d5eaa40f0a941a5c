"""Write model files with a Keras 3 release, and record predictions and training.

    KERAS_BACKEND=jax python -m tools.golden.keras3 tests/golden/keras-3.8

Run it with that release, in the repository's root. On TensorFlow, it writes only the
layers that need TensorFlow; into a folder whose name ends in `-own`, it writes models
of user-defined classes. The tests create the same models from the same tables.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np

from tests.tables.arrays import floats
from tests.tables.graphs import GRAPHS
from tests.tables.models import MODELS
from tests.tables.user_classes import TARGETS, USER_CLASSES

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
            # Keras cannot train on after EMA weights are applied; a loaded copy can.
            model = keras.saving.load_model(folder / f"trained_{case.name}.keras")
            predicted = model.predict(case.x, batch_size=8, verbose=0)
            history = model.fit(case.x, case.y, epochs=2, **options, **case.fit)
            after = [*history.history["loss"], *model.get_weights()]
            for i, leaf in enumerate(listed(predicted)):
                kept[f"trained_{case.name}/predicted.{i}"] = leaf
            for i, leaf in enumerate(after):
                kept[f"trained_{case.name}/after.{i}"] = np.asarray(leaf)


def user_classes(folder, kept):
    """Save trained models of user-defined classes; record predictions."""
    options = {"batch_size": 8, "shuffle": False, "verbose": 0}
    for case in USER_CLASSES:
        if case.keras:
            model = case.make(keras)
            model.compile(**case.compile)
            model.fit(case.x, TARGETS, epochs=2, **options)
            model.save(folder / f"{case.name}.keras")
            predicted = model.predict(case.x, batch_size=8, verbose=0)
            model.fit(case.x, TARGETS, epochs=2, **options)
            kept[f"{case.name}/predicted.0"] = predicted
            for i, weight in enumerate(model.get_weights()):
                kept[f"{case.name}/after.{i}"] = weight.astype("float32")


WORDS = np.array([["a", "c", "d"], ["d", "z", "b"], ["c", "d", "d"]])
TEXTS = np.array([["A cat, a dog!"], ["the dog"], ["a bird's dog"]])
NUMBERS = np.array([[12, 1138, 42], [42, 1000, 36], [12, 12, 7]])


def lookups(folder, kept):
    """Layers that are adapted to data; files store their vocabularies separately."""
    layers = keras.layers
    found = {
        "words": (layers.StringLookup(mask_token=""), WORDS),
        "words_counted": (layers.StringLookup(output_mode="count"), WORDS),
        "words_weighed": (layers.StringLookup(output_mode="tf_idf"), WORDS),
        "words_given": (layers.StringLookup(vocabulary=["c", "d"]), WORDS),
        "texts": (layers.TextVectorization(ngrams=2, max_tokens=9), TEXTS),
        "texts_weighed": (layers.TextVectorization(output_mode="tf_idf"), TEXTS),
        "hashed": (layers.Hashing(5, salt=3, mask_value="d"), WORDS),
        "numbers": (layers.IntegerLookup(num_oov_indices=2), NUMBERS),
        "bins": (layers.Discretization(num_bins=3), NUMBERS.astype("float32")),
        "normalised": (layers.Normalization(), NUMBERS.astype("float32")),
        "encoded": (layers.CategoryEncoding(5, "multi_hot"), NUMBERS % 5),
    }
    for name, (layer, data) in found.items():
        if hasattr(layer, "adapt") and name != "words_given":
            layer.adapt(data[:2])
        dtype = "string" if data.dtype.kind == "U" else data.dtype.name
        inputs = keras.Input(data.shape[1:], dtype=dtype)
        model = keras.Model(inputs, layer(inputs))
        model.save(folder / f"{name}.keras")
        kept[f"{name}/x.0"] = data
        kept[f"{name}/predicted.0"] = np.asarray(
            model(keras.ops.convert_to_tensor(data))
        )


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    kept = {}
    on_tensorflow = keras.backend.backend() == "tensorflow"
    if folder.name.endswith("-own"):
        writers = (user_classes,)
    else:
        writers = (lookups,) if on_tensorflow else (structures, trained)
    for write in writers:
        write(folder, kept)
    if (
        user_classes not in writers
        and keras.__version__.startswith("3.15")
        and not on_tensorflow
    ):
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
