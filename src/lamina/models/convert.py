"""Models from JSON text, and conversion of model files to other formats."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lamina.core.registry import deserialize
from lamina.errors import ArgumentError, ArgumentTypeError, FileFormatError, shown
from lamina.io.bounded_json import MAX_BYTES, read_json
from lamina.io.files import HDF5_SUFFIXES, check_target, open_file
from lamina.models.model import Model
from lamina.saving import load_model, load_weights, save_model, save_weights
from lamina.saving.inspect import inspect_file
from lamina.tracebacks import filter_traceback

_WEIGHTS = (".weights.h5", ".safetensors")


@filter_traceback
def model_from_json(
    json_string: str | bytes, custom_objects: dict[str, Any] | None = None
) -> Model:
    """Return a model with new weights from the JSON string of `to_json`.

    Args:
        json_string: the JSON string.
        custom_objects: your classes and functions by their names in the string.

    Raises:
        FileFormatError: the string is not valid JSON, does not describe a model, or
            names an object that is neither lamina's nor in `custom_objects`.

    Example:
        >>> from lamina import Sequential, layers
        >>> text = Sequential([layers.Input((4,)), layers.Dense(2)]).to_json()
        >>> model_from_json(text).count_params()
        10
    """
    if not isinstance(json_string, (str, bytes)):
        raise ArgumentTypeError(
            "model_from_json: `json_string` must be a string that `to_json` returned, "
            f"got {type(json_string).__name__}."
        )
    if str(json_string).endswith(".json"):
        raise ArgumentError(
            "model_from_json: `json_string` is the text of the config, not a path. "
            f"Read the file: open({shown(json_string)}).read()."
        )
    config = read_json(json_string, "The JSON text")
    config.pop("compile_config", None)
    model = deserialize(config, custom_objects)
    if not isinstance(model, Model):
        raise FileFormatError(
            f"The JSON text describes a {type(model).__name__}, not a model."
        )
    return model


def convert_file(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    model: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    custom_objects: dict[str, Any] | None = None,
) -> None:
    """Convert a model file to another format.

    Args:
        source: a `.keras`, `.weights.h5`, `.safetensors` or `.h5` file.
        target: a path that ends in `.keras`, `.weights.h5` or `.safetensors`, or in
            `.h5` or `.hdf5` for the Keras 2 layout.
        model: a file with the model, if the source has only weights: a `.keras` file,
            or the text of `to_json` in a `.json` file.
        overwrite: whether an existing file may be replaced.
        custom_objects: your classes and functions by their names in the files.

    Raises:
        ArgumentError: the target has another ending, or the source has only weights
            and `model` is missing.
        FileFormatError: a file is damaged, or the weights do not match the model.
    """
    name = str(check_target(target, (".keras", *_WEIGHTS, *HDF5_SUFFIXES), overwrite))
    whole = not name.endswith(_WEIGHTS)
    if model is not None:
        loaded = _load_architecture(model, custom_objects)
        load_weights(loaded, source)
    elif inspect_file(source)["model"] is None:
        raise ArgumentError(
            f"{os.fspath(source)!r} holds only weights. Pass the model as "
            "`model=`, or as `--model` on the command line: a `.keras` file, or a "
            "`.json` file with the text of `model.to_json()`."
        )
    else:
        loaded = load_model(source, custom_objects, compile=whole)
    write = save_model if whole else save_weights
    write(loaded, target, overwrite=overwrite)


def _load_architecture(
    filepath: str | os.PathLike[str], custom_objects: dict[str, Any] | None
) -> Any:
    """Load a model whose weights will be replaced."""
    if Path(filepath).suffix != ".json":
        return load_model(filepath, custom_objects, compile=False)
    with open_file(filepath) as file:
        text = file.read(MAX_BYTES + 1)
    return model_from_json(text, custom_objects)
