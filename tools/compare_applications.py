"""Compare the architectures with those of an installed Keras.

    python -m tools.compare_applications                  all of them, in some minutes
    python -m tools.compare_applications MobileNet VGG16  some of them

For each one, both libraries build the model with a classifier for small images. Names
of layers, paths, shapes and order of weights, and the number of parameters must be
equal. The weights are random and the same; the logits may differ by `TOLERANCE` of
their largest value. The exit status is 1 if any model differs.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

os.environ.setdefault("KERAS_BACKEND", "jax")

from lamina import applications, utils

TOLERANCE = 1e-4
CLASSES = 10


def titles() -> list[str]:
    """Return the names of the architectures."""
    return [name for name in applications.__all__ if name[0].isupper()]


def image_size(title: str) -> int:
    """Return a small size that an architecture accepts."""
    return 75 if "ception" in title else 64


def built(library: Any, title: str) -> Any:
    """Build a model of a library; numbered names start again."""
    size = image_size(title)
    create = getattr(library.applications, title)
    return create(
        weights=None,
        input_shape=(size, size, 3),
        classes=CLASSES,
        classifier_activation=None,
    )


def random_weights(model: Any, seed: int = 0) -> list[np.ndarray]:
    """Return the kernels of a model, and random vectors for its other weights.

    The vectors of a new model are zeros and ones, which would hide mistakes.
    """
    rng = np.random.default_rng(seed)
    return [
        w if w.ndim > 1 else rng.uniform(0.5, 1.5, w.shape).astype(w.dtype)
        for w in model.get_weights()
    ]


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


def compare(title: str) -> Iterator[str]:
    """Yield a sentence about each difference of an architecture."""
    import keras

    import lamina

    keras.utils.clear_session()
    utils.clear_session()
    start = time.perf_counter()
    expected = built(keras, title)
    middle = time.perf_counter()
    actual = built(lamina, title)
    seconds = middle - start, time.perf_counter() - middle
    yield from differences(structure(expected), structure(actual))
    weights = random_weights(expected)
    expected.set_weights(weights)
    for layer in expected.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()  # a Normalization of Keras keeps its old values
    actual.set_weights(weights)
    images = np.random.default_rng(1).uniform(0, 255, (1, *expected.input_shape[1:]))
    one, other = (np.asarray(model(images)) for model in (expected, actual))
    error = np.abs(one - other).max() / np.abs(one).max()
    if not error <= TOLERANCE:
        yield f"logits: relative error {error:.1e}"
    print(
        f"{title:18} {actual.count_params():12,} parameters, error {error:.0e}, "
        f"built in {seconds[1]:.1f} s (Keras: {seconds[0]:.1f} s)",
        flush=True,
    )


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
