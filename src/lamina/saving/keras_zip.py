"""Saving and loading of whole models in the `.keras` format."""

from __future__ import annotations

import datetime
import json
import re
import time
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeAlias

from lamina.core.registry import require_safe, serialize_once
from lamina.distribution.processes import run_in_first_process
from lamina.errors import ArgumentError, FileFormatError
from lamina.io import files
from lamina.io.checksum import Checksum
from lamina.io.hdf5 import Group
from lamina.io.load_report import Mismatch, Tolerance
from lamina.io.safetensors import Tensors
from lamina.lazy import LazyImport
from lamina.optimizers import Optimizer
from lamina.runtime.locks import between_dispatches
from lamina.saving import archive, records
from lamina.saving.assets import SavedAssets, load_assets
from lamina.saving.loading import (
    deserialize_model,
    read_weights,
    stored_bytes,
    untrusted_model,
)
from lamina.saving.orbax_folder import load_orbax_model
from lamina.saving.restore import Restorer
from lamina.saving.weight_files import write_file
from lamina.tracebacks import filter_traceback
from lamina.training.state import training_of
from lamina.training.trainer import Trainer
from lamina.version import __version__

_Pieces: TypeAlias = Iterable[bytes | memoryview]
_load_legacy_model = LazyImport("lamina.saving.legacy.h5:load_legacy_model")
_write = LazyImport("lamina.saving.legacy.write")
_SUFFIXES = (".keras", *files.HDF5_SUFFIXES)


@filter_traceback
def save_model(
    model: Trainer,
    filepath: files.StrPath,
    overwrite: bool = True,
    zipped: bool | None = None,
    include_optimizer: bool = True,
    **kwargs: object,
) -> None:
    """Save a model to a file: architecture, weights, compile arguments and optimizer.

    The file is written atomically: after an error or interruption, the path holds the
    old file or the complete new one. Each member has a SHA-256 checksum.

    Args:
        model: a model whose weights exist.
        filepath: a path that ends in `.keras`, or in `.h5` or `.hdf5` for the Keras 2
            layout, which supports Sequential and functional models.
        overwrite: whether an existing file may be replaced.
        zipped: must not be false: the file is written atomically as one archive.
        include_optimizer: whether to save the compile arguments and the optimizer's
            state. Without them, the loaded model can only predict.
        kwargs: `save_format`; deprecated, the suffix of `filepath` selects the format.

    Raises:
        ArgumentError: the suffix is unknown, the file exists and `overwrite` is false,
            or a subclassed model is saved to an `.h5` file.
        SaveError: the disk is full, or the folder cannot be written to.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "model.keras")
        >>> model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
        >>> save_model(model, path)
        >>> path.is_file()
        True
    """
    _check_options(filepath, zipped, kwargs)
    files.warn_legacy_format(filepath, ".keras")
    if not overwrite:
        run_in_first_process(
            lambda: files.check_target(filepath, _SUFFIXES, overwrite=False)
        )
    run_in_first_process(prepare_model(model, filepath, True, include_optimizer))


@between_dispatches
def prepare_model(
    model: Trainer,
    filepath: files.StrPath,
    overwrite: bool = True,
    include_optimizer: bool = True,
) -> Callable[[], None]:
    """Snapshot a model and return the function that writes it to the file.

    Training may continue in another thread while that function runs.
    """
    path = files.check_target(filepath, _SUFFIXES, overwrite)
    if files.is_legacy_hdf5(path):
        _write.load().require_architecture(model)
        config = _model_config(model, include_optimizer)
        return partial(write_file, path, _write.load().legacy_model_file(model, config))
    if path.name.endswith(".weights.h5"):
        raise ArgumentError(
            f"save_model: the suffix of {str(path)!r} is for weights only. Call "
            "`model.save_weights(path)`, or use the suffix `.keras`."
        )
    skip = set() if include_optimizer else records.optimizer_names(model)
    config = json.dumps(_model_config(model, include_optimizer)).encode()
    modules = list(records.module_records(model, skip))
    weights, assets = records.weights_file(modules), SavedAssets(modules)
    metadata = {
        "keras_version": records.KERAS_VERSION,
        "lamina_version": __version__,
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
        **records.metadata_of(modules),
    }

    def write() -> None:
        members: dict[str, tuple[_Pieces, int]] = {
            archive.CONFIG: ([config], len(config)),
            archive.WEIGHTS: (weights, weights.size),
        }
        for name, asset in assets.files.items():
            members[name] = assets.chunks(asset), asset.stat().st_size
        total = sum(size for _, size in members.values())
        with files.atomic_write(path, total) as f, zipfile.ZipFile(f, "w") as contents:
            hashes = {n: _add_member(contents, n, *m) for n, m in members.items()}
            text = json.dumps({**metadata, "sha256": hashes}).encode()
            _add_member(contents, archive.METADATA, [text], len(text))

    return write


def _check_options(
    filepath: files.StrPath, zipped: bool | None, options: dict[str, object]
) -> None:
    """Check the options that `save_model` has for Keras's sake.

    Raises:
        ArgumentError: an option is unknown, `zipped` is false, or `save_format` does
            not match the suffix.
    """
    unknown = sorted(options.keys() - {"save_format"})
    if unknown:
        raise ArgumentError(
            f"save_model: these arguments are not supported: {unknown}."
        )
    if zipped is False:
        raise ArgumentError(
            "save_model: zipped=False is not supported, because a folder cannot be "
            "replaced atomically. Remove `zipped`; use `unzip` to inspect the file."
        )
    if options.get("save_format") and not str(filepath).endswith(_SUFFIXES):
        raise ArgumentError(
            "save_model: the `save_format` argument is deprecated; the suffix of the "
            "path selects the format. Remove it, and use the suffix `.keras` or "
            f"`.h5`. Received: filepath={str(filepath)!r}."
        )


def _model_config(model: Trainer, include_optimizer: bool) -> dict[str, Any]:
    if include_optimizer:
        return serialize_once(model)
    # Serializing an optimizer may raise an error, so it is detached first.
    training = training_of(model)
    arguments, training.arguments = training.arguments, None
    try:
        config = serialize_once(model)
    finally:
        training.arguments = arguments
    config.pop("compile_config", None)
    return config


def _add_member(
    contents: zipfile.ZipFile, name: str, pieces: _Pieces, size: int
) -> str:
    """Add a member of known size and return its checksum."""
    digest = Checksum()
    info = zipfile.ZipInfo(name, time.localtime()[:6])
    info.file_size = size
    with contents.open(info, "w") as member:
        for piece in pieces:
            digest.update(piece)
            member.write(piece)
    return digest.hexdigest()


@filter_traceback
def load_model(
    filepath: files.StrPath,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    *,
    skip_mismatch: bool = False,
    strict: bool = True,
) -> Any:
    """Load a model from a `.keras` file, or from an `.h5` file of Keras 1, 2 or 3.

    From a folder of `OrbaxCheckpoint`, the newest checkpoint is loaded.

    Args:
        filepath: path of the file. The format is detected from its content.
        custom_objects: your classes and functions, by the names in the file.
        compile: whether to compile the model with the saved arguments.
        safe_mode: must be true: lamina never runs code from a file.
        skip_mismatch: whether to skip variables whose shape or type differs and
            variables that only the model or only the file has.
        strict: whether a variable that only the model or only the file has is an
            error.

    Returns:
        The model. Its `load_report` lists loaded and mismatched variables.

    Raises:
        FileFormatError: the file is not a model file, names a class or function that
            is neither lamina's nor in `custom_objects`, or its variables do not match
            the model; the message shows a table of mismatches.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "model.keras")
        >>> lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)]).save(path)
        >>> load_model(path).output_shape
        (None, 1)
    """
    require_safe(safe_mode)
    tolerance = Tolerance(skip_mismatch, strict)
    if files.is_folder(filepath):
        return load_orbax_model(filepath, custom_objects, compile, tolerance)
    with files.open_file(filepath) as file:
        contents, what = archive.read_contents(file), repr(file.name)
        if isinstance(contents, archive.Archive):
            return _load_archive(contents, custom_objects, compile, tolerance)
        if isinstance(contents, Tensors) or "model_config" not in contents.attributes:
            raise FileFormatError(
                f"{what} holds only weights, not a model. Build the model, and call "
                "`model.load_weights(file)`."
            )
        return _load_legacy_model.load()(
            contents, what, custom_objects, compile, tolerance
        )


def _load_archive(
    contents: archive.Archive,
    custom_objects: dict[str, Any] | None,
    compile: bool,
    tolerance: Tolerance,
) -> Trainer:
    config, metadata = contents.json(archive.CONFIG), contents.metadata
    weights = contents.weights()
    with untrusted_model(config, contents.what, stored_bytes(weights), custom_objects):
        compiled = config.pop("compile_config", None)
        stored = records.StoredModel(
            weights, metadata, config.pop("build_config", None)
        )
        model = deserialize_model(config)
        restorer = Restorer(model, stored)
        restorer.run()
        unmatched: set[str] = set()
        if compile and compiled:
            model.compile_from_config(compiled)
            unmatched = restorer.build_optimizers()
            if re.match(r"3\.\d(\.|$)", str(metadata.get("keras_version"))):
                _reorder_averages(model.optimizer, weights)
        skip = set() if compile else {*stored.orders, *records.optimizer_names(model)}
        if tolerance.skip_mismatch or not tolerance.strict:
            skip |= unmatched
        report = read_weights(model, stored, skip, tolerance, restorer.hint())
        for path, dataset in weights.datasets():
            if path.split("/")[0] in skip & unmatched:
                report.add(Mismatch(path, None, dataset.shape))
        model.load_report = report
        load_assets(model, contents)
        model.continue_from(getattr(model.optimizer, "iterations", 0))
        return model


def _reorder_averages(optimizer: Optimizer, weights: Group) -> None:
    """Move an optimizer's averages before its gradient accumulators.

    Before Keras 3.10, the two slots alternated for each variable of the model.
    """
    group = weights.group("optimizer/vars")
    names = [v.name for v in getattr(optimizer, "variables", ())]
    averages = [i for i, n in enumerate(names) if n.endswith("_average")]
    accumulators = [
        i for i, n in enumerate(names) if n.endswith("_gradient_accumulator")
    ]
    if group is None or not averages or not accumulators:
        return
    old = dict(group.members)
    alternating = [i for pair in zip(averages, accumulators, strict=True) for i in pair]
    for k, index in enumerate(alternating):
        stored = old.get(str(averages[0] + k))
        if stored is not None:
            group.members[str(index)] = stored
