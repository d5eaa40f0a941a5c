"""Whole models in `.keras` files, which are Keras's too."""

from __future__ import annotations

import datetime
import json
import os
import re
import time
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lamina.core.budget import untrusted_config
from lamina.core.registry import (
    custom_object_scope,
    deserialize,
    require_safe,
    serialize_once,
)
from lamina.core.tracebacks import filter_traceback
from lamina.core.variable import between_dispatches, deferred_init
from lamina.errors import ArgumentError, FileFormatError
from lamina.io.bounded_json import MAX_BYTES
from lamina.io.byte_range import ByteRange
from lamina.io.checksum import Checksum
from lamina.io.files import (
    HDF5,
    is_legacy_hdf5,
    note_legacy,
    open_file,
    replacing,
    target,
)
from lamina.io.hdf5 import SIGNATURE, Dataset, Group, read_hdf5
from lamina.io.hdf5_write import HDF5File
from lamina.io.load_report import Mismatch
from lamina.saving.archive import ASSETS, CONFIG, METADATA, WEIGHTS, Archive
from lamina.saving.assets import SavedAssets, load_assets
from lamina.saving.legacy.h5 import load_legacy_model
from lamina.saving.legacy.write import legacy_model_file, require_architecture
from lamina.saving.loading import checked_records, read_weights
from lamina.saving.restore import Restorer, build_configs, call_specs
from lamina.saving.weights import (
    KERAS_VERSION,
    module_variables,
    optimizer_names,
    optimizer_orders,
    saved_modules,
    variable_records,
    weights_file,
)
from lamina.training.trainer import Trainer

__all__ = ["load_model", "prepare_model", "save_model"]

# What a model may need besides the weights in its file: the sums of its metrics.
_UNSAVED_BYTES = 2**26
_LARGEST_ITEM = 8
_ENDINGS = (".keras", *HDF5)


@filter_traceback
def save_model(
    model: Any,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    zipped: bool | None = None,
    include_optimizer: bool = True,
    **kwargs: Any,
) -> None:
    """Write architecture, weights, compile arguments and optimizer to a file.

    Whatever happens meanwhile, the path holds the old file or the whole new one. With
    each member goes its SHA-256 checksum.

    Args:
        model: a model whose weights exist.
        filepath: a path that ends in `.keras`, or in `.h5` or `.hdf5` for the layout of
            Keras 2, which holds a stack or graph of layers.
        overwrite: whether an existing file may be replaced.
        zipped: must not be false: a model is one file, written whole or not at all.
        include_optimizer: whether the file says how the model was compiled and holds
            the optimizer's state; without, it is for predicting.
        kwargs: `save_format`, of which the ending of `filepath` decides.

    Raises:
        ArgumentError: the path has another ending, or exists without `overwrite`, or
            the model's layers are connected by a `call` and the path ends in `.h5`.
        SaveError: the disk is full, or the folder can't be written to.
    """
    _check_options(filepath, kwargs)
    note_legacy(filepath, ".keras")
    prepare_model(model, filepath, overwrite, zipped, include_optimizer)()


@between_dispatches
def prepare_model(
    model: Any,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    zipped: bool | None = None,
    include_optimizer: bool = True,
) -> Callable[[], None]:
    """What `save_model` does, but for writing: that is left to the result.

    Training may go on meanwhile, and in another thread than the one that writes.
    """
    if zipped is False:
        raise ArgumentError(
            "lamina writes a model as one file, which is there whole or not at all; a "
            "folder can't be replaced in one go. Leave out `zipped`; `unzip` shows "
            "what is inside."
        )
    path = target(filepath, _ENDINGS, overwrite)
    if is_legacy_hdf5(path):
        require_architecture(model)
        contents = legacy_model_file(model, _config(model, include_optimizer))
        return partial(_write, path, contents)
    if path.name.endswith(".weights.h5"):
        raise ArgumentError(
            f"{str(path)!r} is the name of a file of weights. Call "
            "`model.save_weights(path)`, or end the name in `.keras`."
        )
    skip = set() if include_optimizer else optimizer_names(model)
    config = json.dumps(_config(model, include_optimizer)).encode()
    modules = list(saved_modules(model))
    kept = list(module_variables(modules, skip))
    weights, assets = weights_file(kept), SavedAssets(modules)
    metadata = {
        "keras_version": KERAS_VERSION,
        "lamina_version": version("lamina"),
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
        "build_configs": build_configs(modules),
        "calls": call_specs(modules),
        "variables": variable_records(kept),
        "optimizers": optimizer_orders(kept),
    }

    def write() -> None:
        size = weights.size + len(config) + assets.size
        with replacing(path, size) as file, zipfile.ZipFile(file, "w") as contents:
            hashes = {
                CONFIG: _add(contents, CONFIG, [config], len(config)),
                WEIGHTS: _add(contents, WEIGHTS, weights, weights.size),
            }
            for name, found in assets.files.items():
                pieces = assets.chunks(found)
                hashes[name] = _add(contents, name, pieces, found.stat().st_size)
            text = json.dumps({**metadata, "sha256": hashes}).encode()
            _add(contents, METADATA, [text], len(text))

    return write


def _check_options(filepath: Any, options: dict[str, Any]) -> None:
    """Refuse options that no release of Keras has, or a format that is not the file's.

    Raises:
        ArgumentError: there is one.
    """
    unknown = sorted(options.keys() - {"save_format"})
    if unknown:
        raise ArgumentError(
            f"save_model: the following argument(s) are not supported: {unknown}."
        )
    if options.get("save_format") and not str(filepath).endswith(_ENDINGS):
        raise ArgumentError(
            "save_model: the `save_format` argument is deprecated; the ending of the "
            "path says the format. Leave it out, and end the path in `.keras` or "
            f"`.h5`. Received: filepath={str(filepath)!r}."
        )


def _write(path: Path, contents: HDF5File) -> None:
    with replacing(path, contents.size) as file:
        contents.write(file)


def _config(model: Any, include_optimizer: bool) -> dict[str, Any]:
    if include_optimizer:
        return serialize_once(model)
    # Asked for, an optimizer may have to say that it can't be written.
    compiled, model._compiled = model._compiled, None
    try:
        config = serialize_once(model)
    finally:
        model._compiled = compiled
    config.pop("compile_config", None)
    return config


def _add(contents: zipfile.ZipFile, name: str, pieces: Iterable[Any], size: int) -> str:
    """Add a member of known size; returns its checksum."""
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
    filepath: str | os.PathLike[str],
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    *,
    skip_mismatch: bool = False,
    strict: bool = True,
) -> Any:
    """The model in a `.keras` file, or in an `.h5` file of an older Keras.

    Args:
        filepath: the file; its content, not its name, says which it is.
        custom_objects: classes and functions of yours by the name the file uses.
        compile: whether to compile the model as it was when saved.
        safe_mode: must be true: no file can make lamina run code.
        skip_mismatch: whether variables of another shape or type in the file, and
            those that only one side has, are left as they are.
        strict: whether a variable that only one side has is an error.

    Returns:
        The model; its `load_report` says what was loaded, and what was not.

    Raises:
        FileFormatError: the file is no model file, or names something that is
            neither lamina's nor in `custom_objects`, or its variables are not those
            of the model that your classes make; the message has a table of them.
    """
    require_safe(safe_mode)
    with open_file(filepath) as file:
        if file.peek(8).startswith(SIGNATURE):
            region = ByteRange(file, repr(file.name))
            return load_legacy_model(
                read_hdf5(region), region.what, custom_objects, compile,
                skip_mismatch, strict,
            )  # fmt: skip
        contents = Archive(file)
        config = contents.json(CONFIG)
        weights = read_hdf5(contents.region(WEIGHTS))
        stored = sum(_LARGEST_ITEM * d.size for _, d in weights.datasets())
        with (
            untrusted_config(
                config, f"The model in {contents.what}", stored + _UNSAVED_BYTES,
                "its file holds weights for",
            ),
            custom_object_scope(custom_objects),
            deferred_init(),
        ):  # fmt: skip
            return _rebuilt(contents, config, weights, compile, skip_mismatch, strict)


def _rebuilt(
    contents: Archive,
    config: dict[str, Any],
    weights: Group,
    compile: bool,
    skip_mismatch: bool,
    strict: bool,
) -> Any:
    compiled = config.pop("compile_config", None)
    built = config.pop("build_config", None)
    model = deserialize(config)
    _require_model(model)
    # Keras's files know only the shapes of the model as a whole.
    notes = contents.metadata
    shapes, calls, orders = (
        notes.get(name, {}) for name in ("build_configs", "calls", "optimizers")
    )
    records = checked_records(notes)
    restorer = Restorer(model, weights, shapes or {"": built}, calls, records)
    restorer.run()
    lost: set[str] = set()
    if compile and compiled:
        model.compile_from_config(compiled)
        lost = restorer.build_optimizers(orders)
        if re.match(r"3\.\d(\.|$)", str(notes.get("keras_version"))):
            _part_averages(model.optimizer, weights)
    _read_vocabularies(contents, model, weights)
    skip = set() if compile else {*orders, *optimizer_names(model)}
    if skip_mismatch or not strict:
        skip |= lost
    report = read_weights(
        model, weights, skip, skip_mismatch, strict, records, restorer.hint()
    )
    report.mismatches += [
        Mismatch(path, None, dataset.shape)
        for path, dataset in weights.datasets()
        if path.split("/")[0] in skip & lost
    ]
    model.load_report = report
    load_assets(model, contents)
    model.continue_from(getattr(model.optimizer, "iterations", 0))
    return model


def _read_vocabularies(contents: Archive, model: Any, weights: Group) -> None:
    """Take the vocabularies that Keras keeps in members of their own."""
    for path, module in saved_modules(model):
        name = f"{ASSETS}{path}/vocabulary.txt"
        if name in contents.members and hasattr(module, "read_vocabulary"):
            region = contents.region(name, MAX_BYTES)
            text = region.read(0, region.size).decode("utf-8")
            group = weights.group(f"{path}/vars")
            idf = group.members.get("idf_weights") if group else None
            module.read_vocabulary(
                text, idf.read() if isinstance(idf, Dataset) else None
            )


def _part_averages(optimizer: Any, weights: Group) -> None:
    """Put an optimizer's averages before the sums of its gradients.

    Until Keras 3.10 the two stood side by side for each variable of the model.
    """
    group = weights.group("optimizer/vars")
    names = [v.name for v in getattr(optimizer, "variables", ())]
    averages = [i for i, n in enumerate(names) if n.endswith("_average")]
    sums = [i for i, n in enumerate(names) if n.endswith("_gradient_accumulator")]
    if group is None or not averages or not sums:
        return
    old = dict(group.members)
    for k, place in enumerate(
        [i for pair in zip(averages, sums, strict=True) for i in pair]
    ):
        stored = old.get(str(averages[0] + k))
        if stored is not None:
            group.members[str(place)] = stored


def _require_model(value: Any) -> None:
    if not isinstance(value, Trainer):
        raise FileFormatError(f"The file holds a {type(value).__name__}, no model.")
