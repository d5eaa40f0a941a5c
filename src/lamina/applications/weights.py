"""The argument `weights` of the architectures."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

from lamina import activations
from lamina.applications.architecture import Architecture, Options, is_address
from lamina.datasets.fetch import get_file
from lamina.errors import ArgumentError, invalid

_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"


@cache
def _hashes() -> dict[str, str]:
    """Return the hashes of the files by name; Keras has none for some."""
    path = Path(__file__).with_name("hashes.json")
    return json.loads(path.read_text(encoding="utf-8"))


def check_weights(row: Architecture, options: Options) -> None:
    """Refuse weights that do not fit the classifier."""
    activation = options.classifier_activation
    if options.weights is None or not options.include_top:
        return
    if options.is_pretrained and options.classes != 1000:
        expected = "1000 for weights='imagenet'"
        hint = "Pass include_top=False to add a classifier of your own."
        raise invalid(row.title, "classes", options.classes, expected, hint)
    if activations.get(activation) not in map(activations.get, ("softmax", None)):
        raise ArgumentError(
            f"{row.title}: `classifier_activation` must be 'softmax' or None with "
            f"weights that are loaded. Received: {activation!r}. Apply another "
            "activation to the output of a model with classifier_activation=None."
        )


def weights_path(row: Architecture, options: Options) -> str | os.PathLike[str] | None:
    """Return the path of the file to load, downloaded if it is not in the cache."""
    weights = options.weights
    if options.is_pretrained:
        address = row.file if "://" in row.file else _KERAS + row.file
        if not options.include_top:
            address = address.removesuffix(".h5") + row.suffix + ".h5"
        digest = _hashes().get(address.rpartition("/")[2])
        return get_file(origin=address, cache_subdir="models", file_hash=digest)
    if is_address(weights):
        return get_file(origin=weights, cache_subdir="models")
    return weights
