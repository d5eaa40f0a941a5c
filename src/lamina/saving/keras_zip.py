"""Whole models in a `.keras` file: a zip of configuration and weights."""

from __future__ import annotations

import datetime
import io
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from lamina.core.registry import custom_object_scope, deserialize, serialize
from lamina.errors import ArgumentError, FileFormatError
from lamina.saving.weights import read_weights, write_weights

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# The release whose layout is written, for Keras to read.
_KERAS_VERSION = "3.15.1"


def save_model(
    model: Any, filepath: str | os.PathLike[str], overwrite: bool = True
) -> None:
    """Write architecture, weights, compile arguments and optimizer to a file.

    The file is written beside its place and then moved there, so that a crash leaves
    the old one.

    Args:
        model: a model whose weights exist.
        filepath: a path that ends in `.keras`.
        overwrite: whether an existing file may be replaced.

    Raises:
        ArgumentError: the path has another ending, or exists without `overwrite`.
    """
    path = _checked(filepath, ".keras", overwrite)
    weights = io.BytesIO()
    write_weights(model, weights)
    metadata = {
        "keras_version": _KERAS_VERSION,
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
    }
    contents = io.BytesIO()
    with zipfile.ZipFile(contents, "w") as archive:
        archive.writestr(_METADATA, json.dumps(metadata))
        archive.writestr(_CONFIG, json.dumps(serialize(model)))
        archive.writestr(_WEIGHTS, weights.getvalue())
    _write_atomically(path, contents.getvalue())


def save_weights(
    model: Any, filepath: str | os.PathLike[str], overwrite: bool = True
) -> None:
    """Write all weights, and the optimizer's state, to a file.

    Args:
        model: a model whose weights exist.
        filepath: a path that ends in `.weights.h5`.
        overwrite: whether an existing file may be replaced.

    Raises:
        ArgumentError: the path has another ending, or exists without `overwrite`.
    """
    path = _checked(filepath, ".weights.h5", overwrite)
    weights = io.BytesIO()
    write_weights(model, weights)
    _write_atomically(path, weights.getvalue())


def _checked(filepath: str | os.PathLike[str], suffix: str, overwrite: bool) -> Path:
    path = Path(filepath)
    if not path.name.endswith(suffix):
        raise ArgumentError(
            f"The file's name must end in {suffix!r}. Received: {str(path)!r}."
        )
    if path.exists() and not overwrite:
        raise ArgumentError(
            f"{str(path)!r} exists already. Pass overwrite=True to replace it."
        )
    return path


def _write_atomically(path: Path, contents: bytes) -> None:
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
        # A temporary file is the owner's alone; a model is like any other file.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """The model in a `.keras` file.

    Args:
        filepath: the file.
        custom_objects: classes and functions of yours by the name the file uses.
        compile: whether to compile the model as it was when saved.
        safe_mode: must be true: no file can make lamina run code.

    Raises:
        FileFormatError: the file is no model file, or names something that is
            neither lamina's nor in `custom_objects`.
    """
    if not safe_mode:
        raise ArgumentError(
            "There is no unsafe mode: lamina never runs code from a file. Pass the "
            "functions that the model needs in `custom_objects`."
        )
    members = _members(Path(filepath))
    try:
        config = json.loads(members[_CONFIG])
    except ValueError as error:
        raise FileFormatError(f"{_CONFIG} in {filepath} is damaged: {error}.") from None
    with custom_object_scope(custom_objects):
        model = deserialize({k: v for k, v in config.items() if k != "compile_config"})
        compiled = config.get("compile_config")
        if compile and compiled:
            model.compile_from_config(compiled)
    ignored = frozenset() if compile else frozenset(["optimizer"])
    read_weights(model, members[_WEIGHTS], ignored)
    model.continue_from(getattr(model.optimizer, "iterations", 0))
    return model


def _members(path: Path) -> dict[str, bytes]:
    if not path.exists():
        raise ArgumentError(f"There is no file {str(path)!r}.")
    if not zipfile.is_zipfile(path):
        raise FileFormatError(f"{str(path)!r} is no `.keras` file: it is not a zip.")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        missing = {_CONFIG, _WEIGHTS} - set(names)
        if missing:
            raise FileFormatError(
                f"{str(path)!r} is no model file: {sorted(missing)} are not in it."
            )
        return {name: archive.read(name) for name in (_CONFIG, _WEIGHTS)}


def load_weights(model: Any, filepath: str | os.PathLike[str]) -> None:
    """Read all weights of a model from a `.weights.h5` or `.keras` file.

    Args:
        model: a model whose weights exist.
        filepath: the file.

    Raises:
        FileFormatError: the file's variables are not the model's.
    """
    path = Path(filepath)
    if not path.exists():
        raise ArgumentError(f"There is no file {str(path)!r}.")
    data = _members(path)[_WEIGHTS] if zipfile.is_zipfile(path) else str(path)
    read_weights(model, data, frozenset(["optimizer"]))
