"""Saving and loading of weights in `.weights.h5`, `.h5` and `.safetensors` files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from lamina.core.module import Module
from lamina.core.process import whole_array
from lamina.distribution.processes import run_in_first_process
from lamina.errors import ArgumentError, StateError, invalid
from lamina.io import files
from lamina.io.hdf5 import Group
from lamina.io.hdf5_write import HDF5File
from lamina.io.load_report import LoadReport, Tolerance
from lamina.io.safetensors import SafetensorsFile, Tensors
from lamina.lazy import LazyImport
from lamina.runtime.locks import between_dispatches
from lamina.saving import records
from lamina.saving.archive import Archive, read_contents
from lamina.saving.loading import read_weights
from lamina.saving.named_weights import NameMap, load_named_weights, named_weights
from lamina.saving.orbax_folder import load_orbax_weights
from lamina.tracebacks import filter_traceback
from lamina.training.trainer import Trainer

_load_legacy_weights = LazyImport("lamina.saving.legacy.h5:load_legacy_weights")
_is_legacy = LazyImport("lamina.saving.legacy.weights:is_legacy")
_legacy_weights_file = LazyImport("lamina.saving.legacy.write:legacy_weights_file")
_HDF5, _SAFETENSORS = ".weights.h5", ".safetensors"
_SUFFIXES = _HDF5, _SAFETENSORS, *files.HDF5_SUFFIXES


@filter_traceback
def save_weights(
    model: Trainer,
    filepath: files.StrPath,
    overwrite: bool = True,
    max_shard_size: float | None = None,
    objects_to_skip: Sequence[Module] = (),
) -> None:
    """Save the weights of a model to a file.

    A `.weights.h5` file, which Keras can read, also holds the optimizer's state. A
    `.safetensors` file holds only weights, each named by the path of its layer, such as
    `"encoder/dense/kernel"`. Other `.h5` and `.hdf5` files have the Keras 2 layout.

    Args:
        model: a model whose weights exist.
        filepath: a path that ends in `.weights.h5`, `.safetensors`, `.h5` or `.hdf5`.
        overwrite: whether an existing file may be replaced.
        max_shard_size: must be `None`: weights are written to one file.
        objects_to_skip: layers whose weights a `.weights.h5` file does not get, each
            with the layers that only it has.

    Raises:
        ArgumentError: the suffix is unknown, or the file exists and `overwrite` is
            false; or `max_shard_size` is not `None`; or there are `objects_to_skip`
            for another format.
        StateError: the model has layers without weights, because it is not built.
        SaveError: the disk is full, or the folder cannot be written to.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "model.weights.h5")
        >>> model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
        >>> save_weights(model, path)
        >>> path.is_file()
        True
    """
    if max_shard_size is not None:
        hint = "A file of any size is read in parts: remove the argument."
        raise invalid("save_weights", "max_shard_size", max_shard_size, "None", hint)
    files.warn_legacy_format(filepath, ".weights.h5")
    if not overwrite:
        run_in_first_process(
            lambda: files.check_target(filepath, _SUFFIXES, overwrite=False)
        )
    run_in_first_process(prepare_weights(model, filepath, True, objects_to_skip))


@between_dispatches
def prepare_weights(
    model: Trainer,
    filepath: files.StrPath,
    overwrite: bool = True,
    objects_to_skip: Sequence[Module] = (),
) -> Callable[[], None]:
    """Snapshot a model's weights and return the function that writes the file.

    Training may continue in another thread while that function runs.
    """
    path = files.check_target(filepath, _SUFFIXES, overwrite)
    _require_built(model)
    if not path.name.endswith(_HDF5):
        _refuse_skipped(objects_to_skip, repr(path.name))
    if files.is_legacy_hdf5(path):
        contents = _legacy_weights_file.load()(model)
    elif path.name.endswith(_SAFETENSORS):
        named = named_weights(model).items()
        arrays = {name: whole_array(v.value) for name, v in named}
        contents = SafetensorsFile(arrays, {"format": "lamina"})
    else:
        found = records.module_records(model, omitted=objects_to_skip)
        contents = records.weights_file(found, checksum=True)
    return partial(write_file, path, contents)


def write_file(path: Path, contents: HDF5File | SafetensorsFile) -> None:
    """Write a file that was laid out before, atomically."""
    with files.atomic_write(path, contents.size) as file:
        contents.write(file)


def _require_built(model: Trainer) -> None:
    inner = [layer for layer in model.all_layers() if layer is not model]
    if not model.built and not all(layer.built for layer in inner):
        raise StateError(
            f"{model.name!r} cannot be saved, because it has no weights yet: it is not "
            "built. Start it with an `Input` layer, call it on data, or call "
            "`model.build(input_shape)`."
        )


@filter_traceback
def load_weights(
    model: Trainer,
    filepath: files.StrPath,
    skip_mismatch: bool = False,
    strict: bool = True,
    name_map: NameMap | None = None,
    by_name: bool = False,
    objects_to_skip: Sequence[Module] = (),
) -> LoadReport:
    """Load the weights of a model from a file.

    Args:
        model: a model whose weights exist.
        filepath: a `.weights.h5`, `.keras` or `.safetensors` file, or an `.h5` file in
            the Keras 2 layout. The format is detected from its content. A folder of
            `OrbaxCheckpoint` works too, from which the newest checkpoint is read.
        skip_mismatch: whether to skip variables whose shape differs and variables that
            only the model or only the file has.
        strict: whether a variable that only the model or only the file has is an
            error.
        name_map: for a `.safetensors` file of another program: a dictionary or a
            function from names in the file to names of weights. It may map to
            `(name, axes)` to transpose an array, such as `("dense/kernel", (1, 0))`,
            and to `None` to skip it.
        by_name: for an `.h5` file in the Keras 2 layout: whether to match layers by
            name instead of order and skip layers that only one side has.
        objects_to_skip: layers to leave unchanged, as those that `save_weights`
            skipped.

    Returns:
        A report of loaded and mismatched variables.

    Raises:
        StateError: the model is not built.
        FileFormatError: the file's variables do not match the model's.
        ArgumentError: `name_map` maps to an unknown name, or the file's format does not
            support `name_map`, `by_name` or `objects_to_skip`.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "model.weights.h5")
        >>> model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
        >>> model.save_weights(path)
        >>> load_weights(model, path)
        2 variables loaded, all that model and file have
    """
    tolerance = Tolerance(skip_mismatch, strict)
    if not model.built and not model.weights:
        raise StateError(
            f"Model {model.name!r} has no weights yet: start it with an `Input` layer, "
            "call it on data, or call `model.build(input_shape)`, before you load them."
        )
    if files.is_folder(filepath):
        if name_map is not None or by_name or objects_to_skip:
            raise ArgumentError(
                "`name_map`, `by_name` and `objects_to_skip` are for files, and "
                f"{os.fspath(filepath)!r} is a folder. Remove the argument."
            )
        return load_orbax_weights(model, filepath, tolerance)
    with files.open_file(filepath) as file:
        contents, what = read_contents(file), repr(file.name)
        is_old = isinstance(contents, Group) and _is_legacy.load()(contents)
        old = contents if is_old else None
        if by_name and old is None:
            raise ArgumentError(
                "`by_name` is for the `.h5` files of Keras 1, Keras 2 and tf.keras. "
                f"{what} has another format. Remove `by_name`, and pass strict=False "
                "to load the variables that both sides have, or skip_mismatch=True to "
                "load those that match. To move layers to another model, load the file "
                "into the original one and use `layer.set_weights(other.get_weights())`"
                "."
            )
        if isinstance(contents, Tensors) or old is not None:
            _refuse_skipped(objects_to_skip, what)
        if isinstance(contents, Tensors):
            return load_named_weights(model, contents.arrays, name_map, tolerance)
        if name_map is not None:
            raise ArgumentError(
                f"`name_map` is for `.safetensors` files. {what} has another format, "
                "whose weights are matched by the layer's position in the model. "
                "Remove `name_map`."
            )
        if old is not None:
            return _load_legacy_weights.load()(model, old, what, tolerance, by_name)
        if isinstance(contents, Archive):
            stored = records.StoredModel(contents.weights(), contents.metadata)
        else:
            stored = records.StoredModel(contents)
        skip = records.optimizer_names(model)
        return read_weights(model, stored, skip, tolerance, omitted=objects_to_skip)


def _refuse_skipped(skipped: Sequence[Module], what: str) -> None:
    if skipped:
        raise ArgumentError(
            f"`objects_to_skip` is for `.weights.h5` files. {what} has another format. "
            "Remove the argument, or use a `.weights.h5` file."
        )
