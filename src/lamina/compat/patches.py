"""Changes of lamina's classes that last while old programs run.

Classes stay the same objects, so that `isinstance` and subclassing work.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from lamina.compat.arguments import (
    FUNCTIONS,
    constructor_arguments,
    function_arguments,
    library_class,
    loss_name,
    renamed,
)
from lamina.compat.defaults import log_name, with_method_defaults, with_old_defaults
from lamina.compat.files import checkpointing, reading, saving, saving_epochs
from lamina.compat.keras import batch, frozen
from lamina.compat.keras.behavior import (
    BEHAVIOR,
    checking_indices,
    fitting_inputs,
    get_shape,
    remember_option,
)
from lamina.compat.keras.functions import cache_home, is_keras_archive, unpacking
from lamina.compat.keras.internals import INTERNALS
from lamina.compat.methods import METHODS, fitting
from lamina.compat.notices import tell
from lamina.core.module import Module, accepted_names, is_user_defined, signature
from lamina.core.tracebacks import warn
from lamina.datasets import cifar, fetch
from lamina.layers import Layer
from lamina.layers.base import call_graph
from lamina.layers.base.building import Buildable
from lamina.models import Model
from lamina.training import callbacks
from lamina.training.checks import arrays
from lamina.training.model_steps import ModelSteps
from lamina.training.state import MetricsOwner
from lamina.training.trainer import Trainer

_ABSENT = object()
# Found by name, because creating an array takes 65 ms for the start of a backend.
_ARRAYS = [cls for cls in jax.Array.__subclasses__() if cls.__name__ == "ArrayImpl"]
_originals: dict[tuple[Any, str], Any] = {}
_extensions: list[Callable[..., Any]] = []


def apply_patches() -> None:
    """Let constructors and methods accept old arguments, and add old methods."""
    for cls in (Module, Model):
        _replace(cls, "__new__", staticmethod(_new(vars(cls)["__new__"].__func__)))
    mark_built = _mark_built(vars(Buildable)["_mark_built"])
    _replace(Buildable, "_mark_built", mark_built)
    for name in ("fit", "evaluate", "predict"):
        _replace(Trainer, name, with_old_names(vars(Trainer)[name]))
    _replace(Trainer, "fit", fitting(vars(Trainer)["fit"]))
    compile_model = frozen.noting(_compile(vars(Trainer)["compile"]))
    _replace(Trainer, "compile", with_old_names(compile_model))
    for name in ("fit", "train_on_batch"):
        _replace(Trainer, name, frozen.training(vars(Trainer)[name]))
    _replace(Model, "save", saving(vars(Model)["save"], weights_only=False))
    weights = saving(vars(Model)["save_weights"], weights_only=True)
    _replace(Model, "save_weights", weights)
    _replace(Model, "load_weights", reading(vars(Model)["load_weights"]))
    checkpoint = callbacks.ModelCheckpoint
    _replace(checkpoint, "__init__", checkpointing(vars(checkpoint)["__init__"]))
    _replace(checkpoint, "on_epoch_end", saving_epochs(checkpoint.on_epoch_end))
    new = vars(callbacks.Callback)["__new__"].__func__
    _replace(callbacks.Callback, "__new__", staticmethod(_new_callback(new)))
    _replace_symbolic()
    for cls in (callbacks.ReduceLROnPlateau, callbacks.TensorBoard):
        _replace(cls, "__init__", with_old_names(vars(cls)["__init__"]))
    _replace(fetch, "cache_home", cache_home)
    _replace(fetch, "unpack", unpacking(fetch.unpack))
    _replace(cifar, "is_cached", is_keras_archive)
    for cls in (*_ARRAYS, Tracer):
        _replace(cls, "numpy", lambda array: np.asarray(array))
        _replace(cls, "get_shape", get_shape)
        _replace(cls, "set_shape", lambda array, shape: None)
    for table in (METHODS, BEHAVIOR, INTERNALS):
        for cls, methods in table.items():
            for name, method in methods.items():
                _replace(cls, name, method)
    _replace(call_graph, "_fit_input", fitting_inputs(vars(call_graph)["_fit_input"]))
    check = checking_indices(vars(arrays)["_check_indices"])
    _replace(arrays, "_check_indices", check)


def _replace_symbolic() -> None:
    """Let losses and metrics use symbolic tensors of the model."""
    graph = call_graph.CallGraph
    _replace(graph, "run", batch.recording_run(vars(graph)["run"]))
    for name in ("train_step", "test_step"):
        step = batch.recording_step(vars(ModelSteps)[name], name == "train_step")
        _replace(ModelSteps, name, step)
    compute_metrics = vars(MetricsOwner)["compute_metrics"]
    _replace(MetricsOwner, "compute_metrics", batch.updating_metrics(compute_metrics))
    _replace(Layer, "add_loss", batch.add_loss(vars(Layer)["add_loss"]))
    _replace(Layer, "losses", property(batch.all_losses))


def undo_patches() -> None:
    """Undo `apply_patches`."""
    for (cls, name), original in reversed(_originals.items()):
        if original is _ABSENT:
            delattr(cls, name)
        else:
            setattr(cls, name, original)
    _originals.clear()
    _extensions.clear()


def extend_patches(changes: Callable[[], Iterable[tuple[Any, str, Any]]]) -> None:
    """Apply further changes, once, that last as long as the others.

    Args:
        changes: returns classes, names of attributes, and their new values.
    """
    if changes not in _extensions:
        _extensions.append(changes)
        for cls, name, value in changes():
            _replace(cls, name, value)


def with_old_names(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that also takes the old names of its arguments."""
    owner = function.__qualname__
    module = function.__module__.rpartition(".")[2]
    table = FUNCTIONS.get(owner) or FUNCTIONS.get(f"{module}.{owner}")
    if table is None:
        return function
    shown = (
        owner.removesuffix(".__init__").removeprefix("Trainer.").removeprefix("Layer.")
    )

    names = list(signature(function).parameters)

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> Any:
        found = function_arguments(shown, table, kwargs)
        with_method_defaults(shown, names[: len(args)], found)
        return function(*args, **found)

    return call


def _compile(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `compile` whose losses and metrics may use symbolic tensors."""

    @functools.wraps(function)
    def call(model: Model, *args: object, **options: object) -> Any:
        names = ("optimizer", "loss", *_compile_order(args[2:3]))
        found = {**dict(zip(names, args, strict=False)), **options}
        for name in found.keys() & {"metrics", "weighted_metrics"}:
            found[name] = jax.tree.map(log_name, found[name])
        if "loss" in found:
            found["loss"] = jax.tree.map(loss_name, found["loss"])
        for name in found.keys() & {"loss", "metrics", "weighted_metrics"}:
            found[name] = batch.with_graph_values(found[name])
        return function(model, **found)

    return call


def _compile_order(third: tuple[Any, ...]) -> tuple[str, str]:
    """Return the names of the third and fourth argument of `compile`.

    In Keras 1 and 2 metrics come before the weights of losses.
    """
    is_weights = any(isinstance(v, (int, float)) for v in jax.tree.leaves(third))
    return ("loss_weights", "metrics") if is_weights else ("metrics", "loss_weights")


def _replace(cls: type | ModuleType, name: str, value: object) -> None:
    _originals.setdefault((cls, name), vars(cls).get(name, _ABSENT))
    setattr(cls, name, value)


def _new(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `__new__` whose check of the arguments sees today's names."""

    @functools.wraps(function)
    def new(cls: type, *args: object, **kwargs: object) -> Any:
        for base in cls.__mro__:
            if (base, "__init__") not in _originals and _has_own_init(base):
                _replace(base, "__init__", _initialize(base, vars(base)["__init__"]))
        if not is_user_defined(cls, "__init__"):
            args, kwargs = constructor_arguments(library_class(cls), args, kwargs)
            if _sets_weights(cls):
                kwargs.pop("weights", None)
        return function(cls, *args, **kwargs)

    return new


def _new_callback(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `__new__` of callbacks that also takes old names of arguments."""

    @functools.wraps(function)
    def new(cls: type, *args: object, **kwargs: object) -> Any:
        if cls is callbacks.TensorBoard and find_spec("tensorboardX") is None:
            warn(
                "TensorBoard writes nothing, because tensorboardX is not installed. "
                "Install it: `pip install 'lamina[tensorboard]'`."
            )
            return callbacks.Callback()
        if not is_user_defined(cls, "__init__"):
            name = library_class(cls).__name__
            kwargs = renamed(name, FUNCTIONS.get(f"{name}.__init__", {}), kwargs)
            kwargs.pop("period", None)
        return function(cls, *args, **kwargs)

    return new


def _has_own_init(cls: type) -> bool:
    return (
        issubclass(cls, Module) and "__init__" in vars(cls) and not is_user_defined(cls)
    )


def _initialize(owner: type, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the `__init__` of a class that also takes old names of its arguments."""

    @functools.wraps(function)
    def init(self: Module, *args: object, **kwargs: object) -> None:
        cls = library_class(type(self))
        # Some programs call `super().__init__(self)`.
        args = args[1:] if args and args[0] is self else args
        remember_option(self, cls, kwargs)
        args, found = constructor_arguments(cls, args, kwargs)
        # Not in the constructor of a base, which does not take all arguments.
        if next(c for c in cls.__mro__ if "__init__" in vars(c)) is owner:
            with_old_defaults(cls, len(args), found)
        weights = found.pop("weights", None) if _sets_weights(cls) else None
        function(self, *args, **found)
        if weights is not None:
            tell(f"{cls.__name__}(weights=)", "layer.set_weights() after it is built")
            vars(self)["_initial_weights"] = weights

    return init


def _sets_weights(cls: type) -> bool:
    """Return whether `weights` is an old argument of a class."""
    library = library_class(cls)
    return issubclass(library, Layer) and "weights" not in accepted_names(library)


def _mark_built(function: Callable[..., None]) -> Callable[..., None]:
    """Return a method that also assigns the weights passed to the constructor."""

    @functools.wraps(function)
    def mark_built(self: Layer, *shapes: object, **named: object) -> None:
        function(self, *shapes, **named)
        weights = vars(self).pop("_initial_weights", None)
        if weights is not None:
            self.set_weights(weights)

    return mark_built
