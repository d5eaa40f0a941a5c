"""Weights alone: `.weights.h5` and `.h5` files, as Keras's, and `.safetensors`."""

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
    HDF5,
    is_legacy_hdf5,
    note_legacy,
    open_file,
    replacing,
    target,
)
from lamina.io.hdf5 import read_hdf5
from lamina.io.load_report import LoadReport
from lamina.io.safetensors import is_safetensors, read_safetensors
from lamina.io.safetensors_write import SafetensorsFile
from lamina.saving import archive
from lamina.saving.archive import WEIGHTS, Archive
from lamina.saving.legacy.h5 import is_legacy, load_legacy_weights
from lamina.saving.legacy.write import legacy_weights_file
from lamina.saving.loading import checked_records, read_weights
from lamina.saving.named_weights import NameMap, named_weights, read_named
from lamina.saving.weights import (
    module_variables,
    optimizer_names,
    saved_modules,
    weights_file,
)

__all__ = ["load_weights", "prepare_weights", "save_weights"]

_HDF5, _SAFETENSORS = ".weights.h5", ".safetensors"


@filter_traceback
def save_weights(
    model: Any, filepath: str | os.PathLike[str], overwrite: bool = True
) -> None:
    """Write all weights to a file.

    A `.weights.h5` file, which Keras reads too, holds the optimizer's state with them.
    A `.safetensors` file holds weights alone, each named by the layers that lead to it,
    such as `"encoder/dense/kernel"`. Another `.h5` or `.hdf5` file holds them by layer,
    as Keras 2 wrote them.

    Args:
        model: a model whose weights exist.
        filepath: a path that ends in `.weights.h5`, `.safetensors`, `.h5` or `.hdf5`.
        overwrite: whether an existing file may be replaced.

    Raises:
        ArgumentError: the path has another ending, or exists without `overwrite`.
        SaveError: the disk is full, or the folder can't be written to.
    """
    note_legacy(filepath, ".weights.h5")
    prepare_weights(model, filepath, overwrite)()


@between_dispatches
def prepare_weights(
    model: Any, filepath: str | os.PathLike[str], overwrite: bool = True
) -> Callable[[], None]:
    """What `save_weights` does, but for writing: that is left to the result.

    Training may go on meanwhile, and in another thread than the one that writes.
    """
    path = target(filepath, [_HDF5, _SAFETENSORS, *HDF5], overwrite)
    if is_legacy_hdf5(path):
        contents = legacy_weights_file(model)
    elif path.name.endswith(_SAFETENSORS):
        arrays = {name: v.value for name, v in named_weights(model).items()}
        contents = SafetensorsFile(arrays, {"format": "lamina"})
    else:
        contents = weights_file(module_variables(saved_modules(model)), checksum=True)

    def write() -> None:
        with replacing(path, contents.size) as file:
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
    """Read all weights of a model from a file that holds them.

    Args:
        model: a model whose weights exist.
        filepath: a `.weights.h5`, `.keras` or `.safetensors` file, or an `.h5` file of
            an older Keras; its content, not its name, says which it is.
        skip_mismatch: whether variables of another shape in the file, and those that
            only one side has, are left as they are.
        strict: whether a variable that only one side has is an error.
        name_map: for a `.safetensors` file that another program wrote: a dictionary,
            or a function, from names in the file to names of weights. In place of a
            name stands `(name, axes)` to reorder an array's axes, such as
            `("dense/kernel", (1, 0))` for a transposed kernel, and `None` for an array
            that is not wanted.
        by_name: for an `.h5` file of an older Keras: whether layers get the weights of
            the layer of their name, wherever it stands, and those whose name only one
            side has are left as they are.

    Returns:
        What was loaded, and what was not.

    Raises:
        FileFormatError: the file's variables are not the model's.
        ArgumentError: `name_map` leads to no weight of the model, or the file is of
            another kind than `name_map` or `by_name` is for.
    """
    with open_file(filepath) as file:
        first = file.read(9)
        if is_safetensors(first):
            _refuse_by_name(
                by_name, file.name, "whose weights go by their names anyway"
            )
            arrays = read_safetensors(ByteRange(file, repr(file.name))).arrays
            return read_named(model, arrays, name_map, skip_mismatch, strict)
        if name_map is not None:
            raise ArgumentError(
                "`name_map` is for `.safetensors` files, whose weights have names. "
                f"{file.name!r} is another kind of file, whose weights go by the place "
                "of their layer in the model."
            )
        stored, records = _stored(file, first)
        if is_legacy(stored):
            what = repr(file.name)
            return load_legacy_weights(
                model, stored, what, skip_mismatch, strict, by_name
            )
        _refuse_by_name(
            by_name, file.name, "in which layers have places, and not names"
        )
        return read_weights(
            model, stored, optimizer_names(model), skip_mismatch, strict, records
        )


def _refuse_by_name(by_name: bool, file: str, kind: str) -> None:
    if by_name:
        raise ArgumentError(
            "`by_name` is for the `.h5` files of Keras 1, Keras 2 and tf.keras. "
            f"{file!r} is a file {kind}. Leave out `by_name`; strict=False loads what "
            "model and file have in common, skip_mismatch=True what fits. To move "
            "layers to another model, load the file into the model it is of, and pass "
            "on `layer.get_weights()`."
        )


def _stored(
    file: BufferedReader, first: bytes
) -> tuple[hdf5.Group, dict[str, dict[str, Any]]]:
    """What a file holds, and its records of variables, if it has them."""
    if first.startswith(archive.SIGNATURE):
        contents = Archive(file)
        records = checked_records(contents.metadata)
        return read_hdf5(contents.region(WEIGHTS)), records
    if first.startswith(hdf5.SIGNATURE):
        return read_hdf5(ByteRange(file, repr(file.name))), {}
    raise FileFormatError(
        f"{file.name!r} holds no weights: it is neither a `.weights.h5` file nor a "
        "`.keras` or `.safetensors` file."
    )
