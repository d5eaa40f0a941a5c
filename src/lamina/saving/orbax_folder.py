"""Loading from the folders that `OrbaxCheckpoint` writes, of lamina and of Keras."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import jax

from lamina import config
from lamina.core.budget import readable_size
from lamina.errors import ArgumentError, FileFormatError
from lamina.io.bounded_json import read_json
from lamina.io.files import StrPath
from lamina.io.load_report import LoadReport
from lamina.saving.loading import deserialize_model, untrusted_model
from lamina.training.callbacks.monitoring.orbax_checkpoint import load_orbax
from lamina.training.trainer import Trainer

_STATE, _CONFIG = "pytree", "model_config"
# Of a finished checkpoint.
_METADATA = "_CHECKPOINT_METADATA"


def load_orbax_model(
    filepath: StrPath, custom_objects: dict[str, Any] | None, compile: bool
) -> Trainer:
    """Load the model of the newest checkpoint in a folder.

    Args:
        filepath: the folder, or a checkpoint in it.
        custom_objects: your classes and functions, by their names in the config.
        compile: whether to compile the model with the saved arguments.

    Raises:
        ArgumentError: there is no checkpoint.
        FileFormatError: it has no config, or one that does not fit.
    """
    folder, orbax = _newest(Path(filepath)), load_orbax()
    what, size = repr(str(folder)), _stored_bytes(folder)
    if not (folder / _CONFIG).is_dir():
        raise FileFormatError(
            f"{what} holds only weights, not a model. Build the model, and call "
            "`model.load_weights(folder)`."
        )
    contents = orbax.load_checkpointables(folder, {_CONFIG: None})
    description = read_json(contents[_CONFIG]["config"], f"The config in {what}")
    compiled = description.pop("compile_config", None)
    with untrusted_model(description, what, size, custom_objects):
        model = deserialize_model(description)
        if not model.built:
            model.build_from_config(description.get("build_config"))
        if compile and compiled:
            model.compile_from_config(compiled)
            model.optimizer.build(model.trainable_variables)
        model.load_report = load_orbax_weights(model, folder)
    return model


def load_orbax_weights(model: Trainer, filepath: StrPath) -> LoadReport:
    """Set the variables of a model from the newest checkpoint in a folder.

    Raises:
        ArgumentError: there is no checkpoint.
        FileFormatError: a weight is missing in the model, or differs.
    """
    folder = _newest(Path(filepath))
    _stored_bytes(folder)
    state = load_orbax().load_checkpointables(folder, {_STATE: None})[_STATE]
    try:
        model.set_state_tree(state)
    except ArgumentError as error:
        what = repr(str(folder))
        raise FileFormatError(f"{what} is of another model. {error}") from None
    paths = [path[1:] for path, _ in jax.tree_util.tree_leaves_with_path(state)]
    return LoadReport(["/".join(str(key.key) for key in path) for path in paths], [])


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
        FileFormatError: they exceed the available memory.
    """
    metadata = load_orbax().checkpointables_metadata(folder).metadata[_STATE]
    arrays = [a for a in jax.tree.leaves(metadata) if hasattr(a, "shape")]
    size = sum(math.prod(a.shape) * a.dtype.itemsize for a in arrays)
    if size > config.memory_limit():
        raise FileFormatError(
            f"The arrays in {str(folder)!r} take {readable_size(size)}, more than the "
            "available memory."
        )
    return size
