"""Conversion of model files to other formats."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lamina.errors import ArgumentError
from lamina.io.bounded_json import MAX_BYTES
from lamina.io.files import open_file
from lamina.models.model import model_from_json
from lamina.saving import load_model, load_weights, save_model, save_weights
from lamina.saving.inspect import inspect_file

_WHOLE, _WEIGHTS = ".keras", (".weights.h5", ".safetensors")


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
        target: a path that ends in `.keras`, `.weights.h5` or `.safetensors`.
        model: a file with the model, if the source has only weights: a `.keras` file,
            or the text of `to_json` in a `.json` file.
        overwrite: whether an existing file may be replaced.
        custom_objects: your classes and functions by their names in the files.

    Raises:
        ArgumentError: the target has another ending, or the source has only weights
            and `model` is missing.
        FileFormatError: a file is damaged, or the weights do not match the model.
    """
    ending = os.fspath(target)
    if not ending.endswith((_WHOLE, *_WEIGHTS)):
        raise ArgumentError(
            "The name of the target must end in '.keras', '.weights.h5' or "
            f"'.safetensors'. Received: {ending!r}."
        )
    whole = ending.endswith(_WHOLE)
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
