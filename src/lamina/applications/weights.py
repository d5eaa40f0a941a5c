"""The argument `weights` of the architectures."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

from lamina import activations
from lamina.datasets.fetch import get_file
from lamina.errors import ArgumentError, invalid
from lamina.typing import ActivationLike

Weights = str | os.PathLike[str] | None

_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"


class WeightFiles(NamedTuple):
    """The files of a model's ImageNet weights.

    Args:
        address: the address of the file with the classifier, below that of Keras's
            files or as a whole.
        suffix: what the name of the file without the classifier has before `.h5`.
    """

    address: str
    suffix: str = "_notop"

    def download(self, include_top: bool) -> str:
        """Return the path of a file in the cache, downloaded if it is not there."""
        address = self.address
        if not include_top:
            address = address.removesuffix(".h5") + self.suffix + ".h5"
        if "://" not in address:
            address = _KERAS + address
        digest = _hashes().get(address.rpartition("/")[2])
        return get_file(origin=address, cache_subdir="models", file_hash=digest)


@cache
def _hashes() -> dict[str, str]:
    """Return the hashes of the files by name; Keras has none for some."""
    path = Path(__file__).with_name("hashes.json")
    return json.loads(path.read_text(encoding="utf-8"))


def is_address(weights: Weights) -> bool:
    """Return whether weights are an address rather than a path."""
    return isinstance(weights, str) and weights.startswith(("http://", "https://"))


def check_weights(
    owner: str,
    weights: Weights,
    include_top: bool,
    classes: int,
    classifier_activation: ActivationLike,
) -> None:
    """Refuse weights that do not exist or do not fit the classifier."""
    is_path = isinstance(weights, str | os.PathLike) and Path(weights).exists()
    if not (weights in ("imagenet", None) or is_path or is_address(weights)):
        expected = "None, 'imagenet', or the path or address of a file with weights"
        raise invalid(owner, "weights", weights, expected)
    if not include_top:
        return
    if weights == "imagenet" and classes != 1000:
        hint = "Pass include_top=False to add a classifier of your own."
        raise invalid(owner, "classes", classes, "1000 for weights='imagenet'", hint)
    allowed = [activations.get("softmax"), activations.get(None)]
    if weights is not None and activations.get(classifier_activation) not in allowed:
        raise ArgumentError(
            f"{owner}: `classifier_activation` must be 'softmax' or None with weights "
            f"that are loaded. Received: {classifier_activation!r}. Apply another "
            "activation to the output of a model with classifier_activation=None."
        )


def weights_path(
    weights: Weights, files: WeightFiles, include_top: bool
) -> str | os.PathLike[str] | None:
    """Return the path of the file to load, which may be downloaded before."""
    if weights == "imagenet":
        return files.download(include_top)
    if isinstance(weights, str) and is_address(weights):
        return get_file(origin=weights, cache_subdir="models")
    return weights
