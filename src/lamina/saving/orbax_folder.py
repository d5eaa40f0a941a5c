"""Loading from the folders that `OrbaxCheckpoint` writes, of lamina and of Keras."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from lamina.core.untrusted import readable_size, require_memory
from lamina.errors import ArgumentError, FileFormatError
from lamina.io.bounded_json import read_json
from lamina.io.files import StrPath
from lamina.io.load_report import LoadReport, Mismatch, Tolerance
from lamina.saving.loading import deserialize_model, untrusted_model
from lamina.training.callbacks.monitoring.orbax_checkpoint import load_orbax
from lamina.training.state_tree import WEIGHTS, flat
from lamina.training.trainer import Trainer

T = TypeVar("T")

_STATE, _CONFIG = "pytree", "model_config"
# Of a finished checkpoint.
_METADATA = "_CHECKPOINT_METADATA"
_MOST_REASON = 150  # characters: Orbax appends the specification of an array


def load_orbax_model(
    filepath: StrPath,
    custom_objects: dict[str, Any] | None,
    compile: bool,
    tolerance: Tolerance,
) -> Trainer:
    """Load the model of the newest checkpoint in a folder.

    Args:
        filepath: the folder, or a checkpoint in it.
        custom_objects: your classes and functions, by their names in the config.
        compile: whether to compile the model with the saved arguments.
        tolerance: mismatches of weights to allow.

    Raises:
        ArgumentError: there is no checkpoint.
        FileFormatError: it cannot be read, has no config, or one that does not fit.
    """
    folder = _newest(Path(filepath))
    what, size = repr(str(folder)), _stored_bytes(folder)
    if not (folder / _CONFIG).is_dir():
        raise FileFormatError(
            f"{what} holds only weights, not a model. Build the model, and call "
            "`model.load_weights(folder)`."
        )
    text = _read(folder, _CONFIG).get("config")
    if not isinstance(text, str):
        raise FileFormatError(f"{what} cannot be read: its config must be a string.")
    description = read_json(text, f"The config in {what}")
    compiled = description.pop("compile_config", None)
    with untrusted_model(description, what, size, custom_objects):
        model = deserialize_model(description)
        if not model.built:
            model.build_from_config(description.get("build_config"))
        if compile and compiled:
            model.compile_from_config(compiled)
            model.optimizer.build(model.trainable_variables)
        model.load_report = load_orbax_weights(model, folder, tolerance)
    return model


def load_orbax_weights(
    model: Trainer, filepath: StrPath, tolerance: Tolerance
) -> LoadReport:
    """Set the variables of a model from the newest checkpoint in a folder.

    Those of the optimizer and of metrics are set as far as both sides have them.

    Args:
        model: a model whose weights exist.
        filepath: the folder, or a checkpoint in it.
        tolerance: mismatches of weights to allow.

    Raises:
        ArgumentError: there is no checkpoint.
        FileFormatError: it cannot be read, or its weights do not match the model's.
    """
    folder = _newest(Path(filepath))
    _stored_bytes(folder)
    state = _read(folder, _STATE)
    weights = {v.path: v for group in WEIGHTS for v in getattr(model, group)}
    arrays = dict(leaf for group in WEIGHTS for leaf in flat(state.pop(group, {})))
    report = LoadReport([], [])
    for path in {**weights, **arrays}:
        ours, theirs = weights.get(path), arrays.get(path)
        shapes = _shape(ours), _shape(theirs)
        report.add(Mismatch(path, *shapes, _type(ours), _type(theirs)))
    report.require(*tolerance)
    for path in report.loaded:
        weights[path].assign(arrays[path])
    model.set_state_tree(state)
    return report


def _shape(array: Any) -> tuple[int, ...] | None:
    return None if array is None else tuple(array.shape)


def _type(array: Any) -> str | None:
    return None if array is None else jnp.dtype(array.dtype).name


def _read(folder: Path, item: str) -> dict[str, Any]:
    """Read an item of a checkpoint, which is a dictionary."""
    load = load_orbax().load_checkpointables
    found = _tried(folder, lambda: load(folder, {item: None})[item])
    if not isinstance(found, dict):
        raise FileFormatError(
            f"{str(folder)!r} cannot be read: {item!r} must be a dictionary."
        )
    return found


def _tried(folder: Path, read: Callable[[], T]) -> T:
    """Call a function of Orbax that reads a checkpoint.

    Raises:
        FileFormatError: it raised an error.
    """
    try:
        return read()
    except Exception as error:  # Orbax documents no classes
        line = (str(error) or type(error).__name__).splitlines()[0]
        reason = f"{str(folder)!r} cannot be read: {line[:_MOST_REASON].rstrip('.')}."
        raise FileFormatError(reason) from None


def _is_checkpoint(folder: Path) -> bool:
    return (folder / _METADATA).is_file() and (folder / _STATE).is_dir()


def _newest(folder: Path) -> Path:
    """Return a checkpoint, or the newest one in a folder of some."""
    if _is_checkpoint(folder):
        return folder
    steps = [p for p in folder.iterdir() if p.name.isdigit() and _is_checkpoint(p)]
    if not steps:
        raise ArgumentError(
            f"{str(folder)!r} is a folder, not a file, and has no complete checkpoint "
            "of Orbax."
        )
    return max(steps, key=lambda path: int(path.name))


def _stored_bytes(folder: Path) -> int:
    """Return the size of the arrays of a checkpoint, which are not read for it.

    Raises:
        FileFormatError: they exceed the memory limit.
    """
    read_metadata = load_orbax().checkpointables_metadata
    size = _tried(folder, lambda: _size(read_metadata(folder).metadata[_STATE]))
    text = f"{str(folder)!r} has arrays of {readable_size(size)}"
    require_memory(size, text, FileFormatError)
    return size


def _size(metadata: Any) -> int:
    arrays = [a for a in jax.tree.leaves(metadata) if hasattr(a, "shape")]
    return sum(math.prod(a.shape) * a.dtype.itemsize for a in arrays)
