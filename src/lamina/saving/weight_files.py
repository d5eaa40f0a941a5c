"""Saving and loading of weights in `.weights.h5`, `.h5` and `.safetensors` files."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import BufferedReader
from typing import Any

from lamina.core.tracebacks import filter_traceback
from lamina.core.variable import between_dispatches
from lamina.errors import ArgumentError, FileFormatError
from lamina.io import hdf5
from lamina.io.byte_range import ByteRange
from lamina.io.files import (
    HDF5_SUFFIXES,
    atomic_write,
    check_target,
    is_legacy_hdf5,
    open_file,
    warn_legacy_format,
)
from lamina.io.hdf5 import read_hdf5
from lamina.io.load_report import LoadReport
from lamina.io.safetensors import is_safetensors, read_safetensors
from lamina.io.safetensors_write import SafetensorsFile
from lamina.saving import archive
from lamina.saving.archive import WEIGHTS, Archive
from lamina.saving.legacy.h5 import load_legacy_weights
from lamina.saving.legacy.weights import is_legacy
from lamina.saving.legacy.write import legacy_weights_file
from lamina.saving.loading import read_weights, validate_records
from lamina.saving.named_weights import NameMap, load_named_weights, named_weights
from lamina.saving.weights import (
    module_variables,
    optimizer_names,
    saved_modules,
    weights_file,
)

_HDF5, _SAFETENSORS = ".weights.h5", ".safetensors"


@filter_traceback
def save_weights(
    model: Any, filepath: str | os.PathLike[str], overwrite: bool = True
) -> None:
    """Save the weights of a model to a file.

    A `.weights.h5` file, which Keras can read, also holds the optimizer's state. A
    `.safetensors` file holds only weights, each named by the path of its layer, such as
    `"encoder/dense/kernel"`. Other `.h5` and `.hdf5` files have the Keras 2 layout.

    Args:
        model: a model whose weights exist.
        filepath: a path that ends in `.weights.h5`, `.safetensors`, `.h5` or `.hdf5`.
        overwrite: whether an existing file may be replaced.

    Raises:
        ArgumentError: the suffix is unknown, or the file exists and `overwrite` is
            false.
        SaveError: the disk is full, or the folder cannot be written to.
    """
    warn_legacy_format(filepath, ".weights.h5")
    prepare_weights(model, filepath, overwrite)()


@between_dispatches
def prepare_weights(
    model: Any, filepath: str | os.PathLike[str], overwrite: bool = True
) -> Callable[[], None]:
    """Snapshot a model's weights and return the function that writes the file.

    Training may continue in another thread while that function runs.
    """
    path = check_target(filepath, [_HDF5, _SAFETENSORS, *HDF5_SUFFIXES], overwrite)
    if is_legacy_hdf5(path):
        contents = legacy_weights_file(model)
    elif path.name.endswith(_SAFETENSORS):
        arrays = {name: v.value for name, v in named_weights(model).items()}
        contents = SafetensorsFile(arrays, {"format": "lamina"})
    else:
        contents = weights_file(module_variables(saved_modules(model)), checksum=True)

    def write() -> None:
        with atomic_write(path, contents.size) as file:
            contents.write(file)

    return write


@filter_traceback
def load_weights(
    model: Any,
    filepath: str | os.PathLike[str],
    skip_mismatch: bool = False,
    strict: bool = True,
    name_map: NameMap | None = None,
    by_name: bool = False,
) -> LoadReport:
    """Load the weights of a model from a file.

    Args:
        model: a model whose weights exist.
        filepath: a `.weights.h5`, `.keras` or `.safetensors` file, or an `.h5` file in
            the Keras 2 layout. The format is detected from its content.
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

    Returns:
        A report of loaded and mismatched variables.

    Raises:
        FileFormatError: the file's variables do not match the model's.
        ArgumentError: `name_map` maps to an unknown name, or the file's format does not
            support `name_map` or `by_name`.
    """
    with open_file(filepath) as file:
        first = file.read(9)
        if is_safetensors(first):
            _reject_by_name(
                by_name, file.name, "whose weights are always matched by name"
            )
            arrays = read_safetensors(ByteRange(file, repr(file.name))).arrays
            return load_named_weights(model, arrays, name_map, skip_mismatch, strict)
        if name_map is not None:
            raise ArgumentError(
                "`name_map` is for `.safetensors` files. "
                f"{file.name!r} has another format, whose weights are matched by the "
                "layer's position in the model. Remove `name_map`."
            )
        stored, records = _read_stored(file, first)
        if is_legacy(stored):
            what = repr(file.name)
            return load_legacy_weights(
                model, stored, what, skip_mismatch, strict, by_name
            )
        _reject_by_name(
            by_name, file.name, "whose weights are matched by the layer's position"
        )
        return read_weights(
            model, stored, optimizer_names(model), skip_mismatch, strict, records
        )


def _reject_by_name(by_name: bool, file: str, reason: str) -> None:
    if by_name:
        raise ArgumentError(
            "`by_name` is for the `.h5` files of Keras 1, Keras 2 and tf.keras. "
            f"{file!r} is a file {reason}. Remove `by_name`, and pass strict=False to "
            "load the variables that both sides have, or skip_mismatch=True to load "
            "those that match. To move layers to another model, load the file into the "
            "original model and use `layer.set_weights(other.get_weights())`."
        )


def _read_stored(
    file: BufferedReader, first: bytes
) -> tuple[hdf5.Group, dict[str, dict[str, Any]]]:
    """Read the root group of a file and its records of variables, if any."""
    if first.startswith(archive.SIGNATURE):
        contents = Archive(file)
        records = validate_records(contents.metadata)
        return read_hdf5(contents.region(WEIGHTS)), records
    if first.startswith(hdf5.SIGNATURE):
        return read_hdf5(ByteRange(file, repr(file.name))), {}
    raise FileFormatError(
        f"{file.name!r} is not a weights file: it must be a `.weights.h5`, "
        "`.keras`, `.safetensors` or `.h5` file."
    )
