"""Checkpoints of `tensorflow.train`: the values of variables in NumPy's files."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np

from lamina.compat.tensorflow.base.declare import declared
from lamina.core.module import Module
from lamina.core.variable import Variable
from lamina.errors import MissingFileError, ShapeError
from lamina.optimizers import Optimizer
from lamina.typing import PyTree

_ENDING = ".npz"
# The ending that `model.save_weights` adds to a name without one.
_WEIGHTS = ".weights.h5"
__getattr__ = declared(
    __name__,
    {
        name: f"lamina.compat.tensorflow.data.examples:{name}"
        for name in (
            *("BytesList", "Example", "Feature", "Features", "FloatList"),
            *("FeatureList", "FeatureLists", "Int64List", "SequenceExample"),
        )
    },
)


class Checkpoint:
    """Values of the variables of models, optimizers and other objects.

    Args:
        root: an object without a name.
        **kwargs: objects by name: models, layers, optimizers, variables, or lists.
    """

    def __init__(self, root: PyTree = None, **kwargs: object) -> None:
        self._objects = {"root": root, **kwargs} if root is not None else kwargs
        self.save_counter = Variable(0, dtype="int32", trainable=False)
        vars(self).update(kwargs)

    def _variables(self) -> dict[str, Variable]:
        trained = [
            v
            for value in self._objects.values()
            for v in _variables(value)
            if v.trainable and not isinstance(value, Optimizer)
        ]
        found: dict[str, Variable] = {}
        for name, value in self._objects.items():
            if isinstance(value, Optimizer) and not value.built and trained:
                value.build(trained)
            found |= {f"{name}/{i}": v for i, v in enumerate(_variables(value))}
        return found

    def save(self, file_prefix: str | PathLike[str], options: object = None) -> str:
        """Write a numbered checkpoint and return its path without an ending."""
        self.save_counter.assign_add(1)
        return self.write(f"{file_prefix}-{int(self.save_counter)}")

    def write(self, file_prefix: str | PathLike[str], options: object = None) -> str:
        """Write a checkpoint and return its path without an ending."""
        path = Path(f"{file_prefix}{_ENDING}")
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {n: v.numpy() for n, v in self._variables().items()}
        np.savez(path, **arrays, save_counter=self.save_counter.numpy())
        return str(file_prefix)

    def restore(
        self, save_path: str | PathLike[str] | None, options: object = None
    ) -> Status:
        """Assign the values of a checkpoint; without a path, nothing changes.

        Raises:
            MissingFileError: there is no such checkpoint.
            ShapeError: a variable has another shape.
        """
        if save_path is None:
            return Status()
        path = Path(f"{save_path}{_ENDING}")
        if not path.exists():
            raise MissingFileError(f"No such file: {str(path)!r}")
        with np.load(path, allow_pickle=False) as arrays:
            for name, variable in self._variables().items():
                if name not in arrays:
                    continue
                if arrays[name].shape != variable.shape:
                    raise ShapeError(
                        f"{path}: {name} has shape {arrays[name].shape}, but the "
                        f"variable {variable.path!r} has {variable.shape}."
                    )
                variable.assign(arrays[name])
            self.save_counter.assign(arrays["save_counter"])
        return Status()

    read = restore


class Status:
    """Result of `Checkpoint.restore`; its methods do nothing."""

    def _same(self) -> Self:
        return self

    assert_consumed = assert_existing_objects_matched = expect_partial = _same
    assert_nontrivial_match = initialize_or_restore = _same


class CheckpointManager:
    """Checkpoints in a folder, of which the oldest are removed.

    Args:
        checkpoint: the values to write.
        directory: the folder.
        max_to_keep: number of checkpoints; `None` for all.
        checkpoint_name: name of their files.
        **unused: further arguments without effect.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        directory: str | PathLike[str],
        max_to_keep: int | None = 5,
        checkpoint_name: str = "ckpt",
        **unused: object,
    ) -> None:
        self.checkpoint, self.directory = checkpoint, str(directory)
        self._limit, self._name = max_to_keep, checkpoint_name

    @property
    def checkpoints(self) -> list[str]:
        """The paths of the checkpoints, the newest last."""
        return _checkpoints(self.directory, self._name)

    @property
    def latest_checkpoint(self) -> str | None:
        """The path of the newest checkpoint; `None` without any."""
        return next(reversed(self.checkpoints), None)

    def save(self, checkpoint_number: int | None = None, **_: object) -> str:
        """Write a checkpoint and return its path without an ending."""
        prefix = f"{self.directory}/{self._name}"
        if checkpoint_number is None:
            path = self.checkpoint.save(prefix)
        else:
            path = self.checkpoint.write(f"{prefix}-{int(checkpoint_number)}")
        for old in self.checkpoints[: -self._limit] if self._limit else ():
            Path(f"{old}{_ENDING}").unlink()
        return path

    def restore_or_initialize(self) -> str | None:
        """Assign the values of the newest checkpoint and return its path."""
        self.checkpoint.restore(self.latest_checkpoint)
        return self.latest_checkpoint


def latest_checkpoint(
    checkpoint_dir: str | PathLike[str], latest_filename: str | None = None
) -> str | None:
    """Return the path of the newest checkpoint in a folder; `None` without any.

    Weights that models have written there under names without an ending count too.
    """
    found = _checkpoints(str(checkpoint_dir)) or [
        str(path).removesuffix(_WEIGHTS)
        for path in sorted(
            Path(checkpoint_dir).glob(f"*{_WEIGHTS}"),
            key=lambda path: path.stat().st_mtime_ns,
        )
    ]
    return found[-1] if found else None


def list_variables(
    ckpt_dir_or_file: str | PathLike[str],
) -> list[tuple[str, list[int]]]:
    """Return the names and shapes of the values in a checkpoint."""
    reader = load_checkpoint(ckpt_dir_or_file)
    return sorted(reader.get_variable_to_shape_map().items())


def load_variable(ckpt_dir_or_file: str | PathLike[str], name: str) -> np.ndarray:
    """Return a value of a checkpoint."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name)


def load_checkpoint(ckpt_dir_or_file: str | PathLike[str]) -> CheckpointReader:
    """Return the values of a checkpoint, the newest one of a folder."""
    return CheckpointReader(
        latest_checkpoint(ckpt_dir_or_file) or str(ckpt_dir_or_file)
    )


class CheckpointReader:
    """Values of a checkpoint by name.

    Args:
        path: its path without an ending.

    Raises:
        MissingFileError: there is no such checkpoint.
    """

    def __init__(self, path: str) -> None:
        file = Path(f"{path}{_ENDING}")
        if not file.exists():
            raise MissingFileError(f"No such file: {str(file)!r}")
        with np.load(file, allow_pickle=False) as arrays:
            self._arrays = {name: arrays[name] for name in arrays}

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """Return the shapes by name."""
        return {name: list(array.shape) for name, array in self._arrays.items()}

    def get_variable_to_dtype_map(self) -> dict[str, str]:
        """Return the element types by name."""
        return {name: array.dtype.name for name, array in self._arrays.items()}

    def has_tensor(self, name: str) -> bool:
        """Return whether there is a value of a name."""
        return name in self._arrays

    def get_tensor(self, name: str) -> np.ndarray:
        """Return a value."""
        return self._arrays[name]


def _checkpoints(directory: str, name: str | None = None) -> list[str]:
    """Return the paths of numbered checkpoints, of all names or of one."""
    pattern = rf"({'.*' if name is None else re.escape(name)})-(\d+){_ENDING}"
    found = [
        (int(match[2]), str(path)[: -len(_ENDING)])
        for path in Path(directory).glob(f"*{_ENDING}")
        if (match := re.fullmatch(pattern, path.name))
    ]
    return [path for _, path in sorted(found)]


def _variables(value: object) -> list[Variable]:
    """Return the variables of an object, or of a list of them."""
    if isinstance(value, Variable):
        return [value]
    if isinstance(value, Module):
        return list(value.all_variables())
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [v for part in value for v in _variables(part)]
    return []
