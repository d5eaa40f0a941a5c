"""Names of files without an ending that lamina writes, such as SavedModel folders."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lamina.compat.notices import tell
from lamina.core.module import is_user_defined
from lamina.io.files import StrPath
from lamina.lazy import LazyImport

if TYPE_CHECKING:
    from lamina.models import Model
    from lamina.training.callbacks import Callback
    from lamina.typing import Logs

# Classes of programs in the models that were saved without an ending, by path.
_classes: dict[str, dict[str, type]] = {}
_load_model = LazyImport("lamina.saving.keras_zip:load_model")
_MODELS = (".keras", ".h5", ".hdf5")
_WEIGHTS = (".h5", ".hdf5", ".safetensors")


def ended(path: StrPath, weights_only: bool = False) -> Any:
    """Return a path with an ending that lamina writes."""
    endings = _WEIGHTS if weights_only else _MODELS
    name = os.fspath(path).rstrip("/")
    if name.endswith(endings):
        return path
    new = name + (".weights.h5" if weights_only else ".keras")
    tell(f"the file {name!r}", f"{new!r}")
    return new


def existing_path(path: StrPath, ending: str) -> Any:
    """Return a path as it is, or with an ending if only that exists."""
    name = os.fspath(path).rstrip("/")
    is_file = os.path.isfile(name)
    return path if is_file or not os.path.exists(name + ending) else name + ending


def wrap_save(save: Callable[..., Any], weights_only: bool) -> Callable[..., Any]:
    """Return a method of a model that writes a file with a known ending."""

    @functools.wraps(save)
    def call(
        model: Model, filepath: StrPath, overwrite: bool = True, **options: object
    ) -> Any:
        if options.pop("save_format", None):
            tell(f"model.{save.__name__}(save_format=)", "the ending of the path")
        if is_user_defined(type(model), "__call__") and model.weights:
            model.built = True  # such a call does not build the model
        path = ended(filepath, weights_only)
        if path != filepath and not weights_only:
            kinds = {type(layer) for layer in model.all_layers()}
            own = {kind.__name__: kind for kind in kinds if is_user_defined(kind)}
            _classes[os.path.abspath(path)] = own
        return save(model, path, overwrite, **options)

    return call


def wrap_load_weights(load: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of a model that reads weights from a file of either name."""

    @functools.wraps(load)
    def call(model: Model, filepath: StrPath, *args: object, **options: object) -> Any:
        return load(model, existing_path(filepath, ".weights.h5"), *args, **options)

    return call


def export(model: Model, filepath: StrPath, *_: object, **__: object) -> None:
    """Save a model where `TFSMLayer` finds it; a SavedModel is for TensorFlow only."""
    model.save(filepath)


def save_model(
    model: Model, filepath: StrPath, *args: object, **options: object
) -> None:
    """Save a model, also to a path without an ending."""
    model.save(filepath, *args, **options)  # pyright: ignore[reportArgumentType]


def load_model(filepath: StrPath, *args: Any, **options: Any) -> Any:
    """Load a model from a file, also by its old name without an ending.

    A folder of TensorFlow needed no `custom_objects`: they are those that were saved.
    """
    path = existing_path(filepath, ".keras")
    classes = {} if path == filepath else _classes.get(os.path.abspath(path), {})
    if classes and not args:
        given: dict[str, Any] = options.get("custom_objects") or {}
        options["custom_objects"] = {**classes, **given}
    with _defined(classes):
        return _load_model.load()(path, *args, **options)


@contextmanager
def _defined(classes: dict[str, type]) -> Iterator[None]:
    """Define classes that a program has deleted, for `super(Class, self)` in them."""
    scopes = {name: _globals(cls) for name, cls in classes.items()}
    missing = [name for name, scope in scopes.items() if name not in scope]
    for name in missing:
        scopes[name][name] = classes[name]
    try:
        yield
    finally:
        for name in missing:
            scopes[name].pop(name, None)


def _globals(cls: type) -> dict[str, Any]:
    """Return the global names of the constructor that a class defines."""
    return getattr(vars(cls).get("__init__"), "__globals__", {})


def wrap_checkpoint(init: Callable[..., None]) -> Callable[..., None]:
    """Return a constructor of `ModelCheckpoint` that takes any ending and `period`."""

    @functools.wraps(init)
    def call(callback: Any, filepath: StrPath, *args: object, **options: Any) -> None:
        weights_only = bool(options.get("save_weights_only", args[3:4] == (True,)))
        period = options.pop("period", 1)
        init(callback, ended(filepath, weights_only), *args, **options)
        if period > 1:
            new = f"ModelCheckpoint(save_freq={period} * batches_per_epoch)"
            tell("ModelCheckpoint(period=)", new)
            callback._epochs_per_save = period

    return call


def wrap_epoch_end(on_epoch_end: Callable[..., None]) -> Callable[..., None]:
    """Return a method of `ModelCheckpoint` that saves every `period` epochs."""

    @functools.wraps(on_epoch_end)
    def call(callback: Callback, epoch: int, logs: Logs | None = None) -> None:
        if (epoch + 1) % vars(callback).get("_epochs_per_save", 1) == 0:
            on_epoch_end(callback, epoch, logs)

    return call
