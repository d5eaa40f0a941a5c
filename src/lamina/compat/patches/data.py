"""Changes of data sets and their files."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax

from lamina.compat.patches.apply import Changes
from lamina.lazy import LazyImport

if TYPE_CHECKING:
    from lamina.data.pipeline.dataset import Dataset

# Methods of TensorFlow's data sets for those that lamina's functions return, such as
# `image_dataset_from_directory`.
_DATASET_METHODS = (
    *("apply", "concatenate", "enumerate", "filter", "flat_map", "interleave"),
    *("options", "reduce", "scan", "shard", "take_while", "window", "with_options"),
    *("get_single_element", "zip"),
)
_as_dataset = LazyImport("lamina.compat.tensorflow.data.dataset:as_dataset")
_on_host = LazyImport("lamina.compat.tensorflow.base.tensors:on_host")
_link_beside = LazyImport("lamina.compat.keras.functions:link_beside")
_tensor = LazyImport("lamina.compat.tensorflow.base.tensors:tensor")


def _dataset_method(name: str) -> Callable[..., Any]:
    def method(dataset: Dataset, *args: object, **kwargs: object) -> Any:
        return getattr(_as_dataset.load()(dataset), name)(*args, **kwargs)

    return method


def cache_home() -> Path:
    """Return the cache folder of Keras."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


def is_keras_archive(name: str) -> bool:
    """Return whether Keras has an archive of CIFAR in its cache under this name."""
    return "python" in name


def wrap_unpack(unpack: Callable[..., None]) -> Callable[..., None]:
    """Return a function that unpacks an archive, and links its items beside it.

    Keras unpacked archives there until 3.5.
    """

    @functools.wraps(unpack)
    def call(archive: Path, folder: Path, *options: object) -> None:
        unpack(archive, folder, *options)
        _link_beside.load()(folder)

    return call


def pipeline(module: Any) -> Changes:
    """Return the changes of lazy data sets."""
    items = module.Dataset.__iter__

    def tensors(dataset: Dataset) -> Iterator[Any]:
        tensor = _tensor.load()
        return (jax.tree.map(tensor, item) for item in items(dataset))

    today = module.Dataset.map

    @functools.wraps(today)
    def map(
        dataset: Dataset, map_func: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        on_host = _on_host.load()

        def of_tensors(*parts: Any) -> Any:
            return map_func(*jax.tree.map(on_host, parts))

        return today(dataset, of_tensors, *args, **kwargs)

    yield module.Dataset, "map", map
    for name in _DATASET_METHODS:
        yield module.Dataset, name, _dataset_method(name)
    yield module.Dataset, "__iter__", tensors
    yield module.Dataset, "as_numpy_iterator", lambda dataset: items(dataset)


def fetch(module: Any) -> Changes:
    """Return the changes of downloads: the folder of Keras, and archives beside it."""
    yield module, "cache_home", cache_home
    yield module, "unpack", wrap_unpack(module.unpack)


def cifar(module: Any) -> Changes:
    """Return the changes of the images of CIFAR, which Keras has unpacked."""
    yield module, "is_cached", is_keras_archive
