"""Compare the architectures with those of an installed Keras.

    python -m tools.compare_applications                  all of them, in some minutes
    python -m tools.compare_applications MobileNet VGG16  some of them

For each one, both libraries build the model with a classifier for small images. Names
of layers, paths, shapes and order of weights, and the number of parameters must be
equal. The weights are random and the same; the logits may differ by `TOLERANCE` of
their largest value. Small models also exchange files of weights. The exit status is 1
if any model differs.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras

import lamina
from lamina import applications
from tests.oracles.observe import without_initial_values
from tests.tables.applications import weights_for

TOLERANCE = 1e-4
CLASSES = 10
MAX_EXCHANGED = 10_000_000  # parameters


def titles() -> list[str]:
    """Return the names of the architectures."""
    return [name for name in applications.__all__ if name[0].isupper()]


def image_size(title: str) -> int:
    """Return a small size that an architecture accepts."""
    return 75 if "ception" in title else 64


def built(library: Any, title: str) -> Any:
    """Build a model of a library with weights that depend only on their shapes."""
    library.utils.clear_session()
    size = image_size(title)
    with without_initial_values(library):
        model = getattr(library.applications, title)(
            weights=None,
            input_shape=(size, size, 3),
            classes=CLASSES,
            classifier_activation=None,
        )
    model.set_weights(weights_for(model))
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()  # a Normalization of Keras keeps its old values
    return model


def structure(model: Any) -> dict[str, Any]:
    """Return what must be equal for files to be interchangeable."""
    return {
        "name": model.name,
        "layers": [layer.name for layer in model.layers],
        "classes": [type(layer).__name__ for layer in model.layers],
        # Keras numbers weights without a name over the whole program.
        "paths": [
            re.sub(r"/variable_\d+$", "/variable", w.path) for w in model.weights
        ],
        "shapes": [tuple(weight.shape) for weight in model.weights],
        "parameters": model.count_params(),
    }


def differences(expected: dict[str, Any], actual: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence about each fact that differs."""
    for key, value in expected.items():
        if value == actual[key]:
            continue
        if not isinstance(value, list):
            yield f"{key}: {value} in Keras, {actual[key]} in lamina"
            continue
        pairs = zip(value, actual[key], strict=False)
        first = next((pair for pair in pairs if pair[0] != pair[1]), "the length")
        yield f"{key}: {len(value)} in Keras, {len(actual[key])} in lamina; {first}"


def exchanged(source: Any, target: Any) -> bool:
    """Return whether a file of a model's weights has the same values in the other."""
    values = source.get_weights()
    target.set_weights([np.zeros_like(value) for value in values])
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/net.weights.h5"
        source.save_weights(path)
        target.load_weights(path)
    return all(map(np.array_equal, values, target.get_weights()))


def compare(title: str) -> Iterator[str]:
    """Yield a sentence about each difference of an architecture."""
    expected, actual = built(keras, title), built(lamina, title)
    yield from differences(structure(expected), structure(actual))
    shape = 1, *expected.input_shape[1:]
    images = np.random.default_rng(1).uniform(0, 255, shape).astype("float32")
    one, other = (np.asarray(model(images)) for model in (expected, actual))
    error = np.abs(one - other).max() / np.abs(one).max()
    if not error <= TOLERANCE:
        yield f"logits: relative error {error:.1e}"
    count = actual.count_params()
    if count < MAX_EXCHANGED:
        if not exchanged(expected, actual):
            yield "the weights of a file of Keras"
        if not exchanged(actual, expected):
            yield "the weights of a file of lamina"
    print(f"{title:18} {count:12,} parameters, error {error:.0e}", flush=True)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("titles", nargs="*", help="architectures; all by default")
    count = 0
    for title in parser.parse_args().titles or titles():
        for difference in compare(title):
            print(f"    {title} differs in {difference}")
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
