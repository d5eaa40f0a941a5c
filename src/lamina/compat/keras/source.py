"""Functions and classes of Keras's source, without public names, that packages use."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np

from lamina import saving
from lamina.core.masks import get_mask, set_mask
from lamina.core.scope import local
from lamina.data.adapt import with_class_weight
from lamina.models import Model
from lamina.typing import Array, ArrayLike


def get_keras_mask(x: object) -> Any:
    """Return the mask attached to an array, or `None`."""
    return get_mask(x)


def set_keras_mask(x: object, mask: Array | None) -> None:
    """Attach a boolean mask, or `None`, to an array."""
    set_mask(x, mask)


def standardize_shape(shape: Sequence[int | None]) -> tuple[int | None, ...]:
    """Return a shape as a tuple of Python's integers and `None`."""
    return tuple(None if size is None else int(size) for size in shape)


def in_grain_data_pipeline() -> Any:
    """Return false: lamina does not run functions in pipelines of Grain."""
    return False


def in_safe_mode() -> Any:
    """Return whether the config of a file is being read, which must not run code."""
    return local.budget is not None


def no_automatic_dependency_tracking(function: Callable[..., Any]) -> Any:
    """Return the function: an attribute of a layer is looked at when it is needed."""
    return function


def deserialize_keras_object(
    config: object,
    custom_objects: dict[str, Any] | None = None,
    safe_mode: bool = True,
    **objects: Any,
) -> Any:
    """Return the object that a config describes; see `lamina.saving`.

    Items of lists and dictionaries are passed to the attribute of this module of the
    same name: packages replace it to read values of their own.
    """
    if isinstance(config, (list, tuple)):
        items = (deserialize_keras_object(v, custom_objects, safe_mode) for v in config)
        return type(config)(items)
    if isinstance(config, dict) and not config.keys() >= {"class_name", "config"}:
        return {
            key: deserialize_keras_object(value, custom_objects, safe_mode)
            for key, value in config.items()
        }
    return saving.deserialize_keras_object(config, custom_objects, safe_mode, **objects)


def class_weight_to_sample_weights(
    y: ArrayLike, class_weight: Mapping[int, float]
) -> Any:
    """Return the class weight of each row."""
    return with_class_weight((None, np.asarray(y), None), class_weight)[2]


def load_model(filepath: Any, *args: Any, **kwargs: Any) -> Any:
    """Load a model from a path or a binary file; see `lamina.saving.load_model`."""
    if not hasattr(filepath, "read"):
        return saving.load_model(filepath, *args, **kwargs)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        path.write_bytes(filepath.read())
        return saving.load_model(path, *args, **kwargs)


def save_model(
    model: Model, filepath: str | Path | IO[bytes], *args: Any, **kwargs: Any
) -> None:
    """Save a model to a path or a binary file; see `lamina.saving.save_model`."""
    if isinstance(filepath, (str, Path)):
        saving.save_model(model, filepath, *args, **kwargs)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        saving.save_model(model, path, *args, **kwargs)
        filepath.write(path.read_bytes())


class H5IOStore:
    """HDF5 file with the arrays of layers, each layer in the group `path/vars`.

    Args:
        path: path of the file.
        mode: "r" or "w".
    """

    def __init__(self, path: str, mode: str = "r") -> None:
        self._file = h5py.File(path, mode)

    def make(self, path: str) -> _Arrays:
        """Create the group of a layer and return its arrays by name."""
        return _Arrays(self._file.create_group(f"{path}/vars"))

    def get(self, path: str) -> Any:
        """Return the arrays of a layer by name, none if it has no group."""
        return self._file.get(f"{path}/vars", {})

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _Arrays:
    """Arrays of a group, which may be assigned variables."""

    def __init__(self, group: h5py.Group) -> None:
        self._group = group

    def __setitem__(self, name: str, value: ArrayLike) -> None:
        self._group[name] = np.asarray(value)
