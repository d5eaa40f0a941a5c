"""Changes of models: old methods, and old arguments of `compile`, `fit` and others."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from lamina import losses
from lamina.compat.arguments import loss_name
from lamina.compat.defaults import LOG_NAMES, Release, release
from lamina.compat.files import export, wrap_load_weights, wrap_save
from lamina.compat.keras import batch, frozen
from lamina.compat.names import NAMES
from lamina.compat.notices import tell
from lamina.compat.patches import methods
from lamina.compat.patches.apply import Changes
from lamina.compat.patches.constructors import new_object
from lamina.compat.patches.functions import with_old_names
from lamina.core.graph import SymbolicTensor
from lamina.core.scope import local
from lamina.errors import DataError, LikelyMistakeWarning
from lamina.lazy import LazyImport
from lamina.losses import Loss
from lamina.metrics import MeanMetricWrapper, Metric
from lamina.models import Functional, Model, Sequential
from lamina.models.structure import Structure
from lamina.saving.legacy.names import LOSSES
from lamina.training.callbacks import Callback
from lamina.training.checks import arrays
from lamina.training.model_steps import ModelSteps
from lamina.training.state import MetricsOwner, training_of
from lamina.training.trainer import Trainer
from lamina.typing import Config, PyTree

if TYPE_CHECKING:
    from lamina.layers import Embedding


def _wrap_rebuild(rebuild: Callable[..., None]) -> Callable[..., None]:
    """Return a method that wires a stack after a model of several inputs (`Merge`)."""

    @functools.wraps(rebuild)
    def call(model: Any) -> None:
        first = next(iter(model.layers), None)
        if not isinstance(first, Functional) or len(first.inputs) == 1:
            rebuild(model)
            return
        tensor = first.output
        for layer in model.layers[1:]:
            tensor = layer(tensor)
        model._set_graph(first.inputs, tensor)

    return call


def _live_layers(owner: type, attribute: str) -> property:
    """Return a property `layers` whose list was that of the model until Keras 2.3.

    Programs removed its last layer and set `outputs`. The graph changes only then.
    """
    layers = vars(owner)["layers"].fget

    def get(model: Model) -> Any:
        is_old = release() <= Release.KERAS_2_3
        found = vars(model).get(attribute) if is_old else None
        return layers(model) if found is None else found

    return property(get)


def _set_outputs(model: Any, outputs: Sequence[SymbolicTensor]) -> None:
    tell("model.outputs = tensors", "keras.Model(model.inputs, tensors)")
    inputs = model.call_graph.inputs
    model._compiled_call = None
    model._set_graph(inputs, outputs[0] if len(outputs) == 1 else outputs)


def _compiled_loss(model: Any) -> Callable[..., Any]:
    """Return the loss of `compile` as a function, as an own `train_step` calls it."""

    def loss(
        y: PyTree, y_pred: PyTree, sample_weight: PyTree = None, **_: object
    ) -> Any:
        tell("model.compiled_loss(y, y_pred)", "model.compute_loss(x, y, y_pred)")
        value = model.compute_loss(None, y, y_pred, sample_weight)
        model._track_loss(value, y)
        return value

    return loss


class _CompiledMetrics:
    """The metrics of `compile`, as an own `train_step` updates them.

    Args:
        model: the model.
    """

    def __init__(self, model: Model) -> None:
        self._model = model

    def update_state(
        self, y: PyTree, y_pred: PyTree, sample_weight: PyTree = None
    ) -> None:
        """Update the metrics with a batch."""
        tell("model.compiled_metrics.update_state(y, y_pred)", "model.compute_metrics")
        self._model.compute_metrics(None, y, y_pred, sample_weight)


def _without_rows(data: object) -> bool:
    """Return whether data are arrays without rows."""
    leaves = jax.tree.leaves(data) if isinstance(data, (tuple, list)) else []
    return bool(leaves) and all(np.shape(a)[:1] == (0,) for a in leaves)


def wrap_fit(fit: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `fit` that ignores what Keras 1 and 2 ignored.

    That is data for validation without rows, and `class_weight` as text, such as
    "auto". Callbacks also get what they had in Keras 1 and 2.
    """
    signature = inspect.signature(fit)

    @functools.wraps(fit)
    def call(model: Model, *args: object, **kwargs: object) -> Any:
        if _without_rows(kwargs.get("validation_data")):
            tell("fit(validation_data=) without rows", "fit() without it")
            del kwargs["validation_data"]
        if isinstance(kwargs.get("class_weight"), str):
            tell(f"fit(class_weight={kwargs.pop('class_weight')!r})", "")
        with suppress(TypeError):
            _inform_callbacks(signature.bind(model, *args, **kwargs).arguments)
        return fit(model, *args, **kwargs)

    return call


def _inform_callbacks(given: Mapping[str, Any]) -> None:
    """Give callbacks the data for validation and the sizes of a call of `fit`."""
    callbacks = given.get("callbacks")
    if not isinstance(callbacks, (list, tuple)):
        callbacks = [callbacks]
    x, y, validation = (given.get(n) for n in ("x", "y", "validation_data"))
    leaves = jax.tree.leaves((x, y), is_leaf=lambda v: isinstance(v, Iterator))
    arrays = [a for a in leaves if isinstance(a, np.ndarray)]
    count = len(arrays[0]) if arrays else None
    split = given.get("validation_split")
    if count is not None and split and validation is None:
        rest = int(count * (1 - split))
        validation = jax.tree.map(lambda a: a[rest:], (x, y))
        count = rest
    sizes = {
        "samples": count,
        "batch_size": given.get("batch_size") or 32,
        "do_validation": validation is not None,
    }
    for callback in callbacks:
        if not isinstance(callback, Callback):
            continue
        own = vars(callback)
        own["_fit"] = sizes
        # Programs may have set the attribute themselves.
        if own.get("validation_data") is own.get("_validation_data"):
            data = _validation_arrays(validation)
            own.update(validation_data=data, _validation_data=data)


def _validation_arrays(data: Any) -> Any:
    """Return inputs, targets and weights in one list, as callbacks had them."""
    if not isinstance(data, (list, tuple)) or len(data) < 2:
        return data
    leaves = [[np.asarray(a) for a in jax.tree.leaves(part)] for part in data]
    weights = [np.ones(len(a)) for a in leaves[1]] if len(data) == 2 else []
    return [array for part in leaves for array in part] + weights


def _with_sequential(from_config: classmethod[Model, ..., Model]) -> Callable[..., Any]:
    """Return a `from_config` that also takes the config of a `Sequential`."""

    def call(
        cls: type[Model], config: Config, custom_objects: dict[str, Any] | None = None
    ) -> Any:
        if cls is Model and "layers" in config and "input_layers" not in config:
            return Sequential.from_config(config, custom_objects)
        return from_config.__func__(cls, config, custom_objects)

    return call


def _wrap_compile(function: Callable[..., Any]) -> Callable[..., Any]:
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
            found[name] = with_graph_values(found[name])
        return function(model, **found)

    return call


def _compile_order(third: tuple[Any, ...]) -> tuple[str, str]:
    """Return the names of the third and fourth argument of `compile`.

    In Keras 1 and 2 metrics come before the weights of losses.
    """
    is_weights = any(isinstance(v, (int, float)) for v in jax.tree.leaves(third))
    return ("loss_weights", "metrics") if is_weights else ("metrics", "loss_weights")


def wrap_index_check(check: Callable[..., None]) -> Callable[..., None]:
    """Return a check of indices that only warns about what old programs got away with.

    TensorFlow returned zeros on GPUs for an index that an Embedding does not have.
    """

    @functools.wraps(check)
    def call(array: object, layer: Embedding) -> None:
        try:
            check(array, layer)
        except DataError as error:
            if local.on_findings is not None or release() > Release.KERAS_2_3:
                raise
            text = f"{error} Vectors of other indices are zeros."
            warnings.warn(text, LikelyMistakeWarning, stacklevel=2)

    return call


def log_name(metric: Any) -> Any:
    """Return a metric under the name by which the program's release logged it."""
    origin = NAMES.get(f"metrics.{metric}", "") if isinstance(metric, str) else ""
    if origin.startswith("lamina.compat.") and release() == Release.KERAS_1:
        return LazyImport(origin).load()
    if isinstance(metric, str) and metric in LOSSES:
        loss = losses.get(LOSSES[metric])
        return MeanMetricWrapper(loss, name=metric)
    is_old = isinstance(metric, str) and release() <= Release.KERAS_2_2
    return LOG_NAMES.get(metric, metric) if is_old else metric


def with_graph_values(function: Any) -> Any:
    """Return a loss or metric in which a user's function may use symbolic tensors."""
    if isinstance(function, (list, tuple)):
        return [with_graph_values(f) for f in function]
    if isinstance(function, dict):
        return {name: with_graph_values(f) for name, f in function.items()}
    module = getattr(function, "__module__", None) or ""
    is_object = isinstance(function, (type, Loss, Metric)) or not callable(function)
    if is_object or module.partition(".")[0] == "lamina":
        return function
    return batch.wrap_loss(function)


_MODEL = {
    "export": export,
    "to_yaml": methods.to_yaml,
    "fit_generator": methods.fit_generator,
    "evaluate_generator": methods.evaluate_generator,
    "predict_generator": methods.predict_generator,
    "predict_classes": methods.predict_classes,
    "predict_proba": methods.predict_proba,
    "reset_states": methods.reset_states,
    "compiled_loss": property(_compiled_loss),
    "compiled_metrics": property(_CompiledMetrics),
    "metrics_tensors": property(batch.metrics_tensors),
    "_loss_tracker": property(lambda model: training_of(model).loss_tracker),
}


def changes(module: object) -> Changes:
    """Return the changes of models and their training."""
    for name, value in _MODEL.items():
        yield Model, name, value
    new = vars(Model)["__new__"].__func__
    yield Model, "__new__", staticmethod(new_object(new))
    yield (
        Model,
        "from_config",
        classmethod(_with_sequential(vars(Model)["from_config"])),
    )
    yield Structure, "layers", _live_layers(Structure, "_graph_layers")
    yield Sequential, "layers", _live_layers(Sequential, "_stack")
    yield Structure, "outputs", property(Structure.outputs.fget, _set_outputs)
    yield Sequential, "_rebuild", _wrap_rebuild(vars(Sequential)["_rebuild"])
    fit = with_old_names(wrap_fit(vars(Trainer)["fit"]))
    yield Trainer, "fit", frozen.wrap_training(fit)
    train_on_batch = vars(Trainer)["train_on_batch"]
    yield Trainer, "train_on_batch", frozen.wrap_training(train_on_batch)
    for name in ("evaluate", "predict"):
        yield Trainer, name, with_old_names(vars(Trainer)[name])
    compile_model = frozen.wrap_compile(_wrap_compile(vars(Trainer)["compile"]))
    yield Trainer, "compile", with_old_names(compile_model)
    yield Model, "save", wrap_save(vars(Model)["save"], weights_only=False)
    weights = wrap_save(vars(Model)["save_weights"], weights_only=True)
    yield Model, "save_weights", weights
    yield Model, "load_weights", wrap_load_weights(vars(Model)["load_weights"])
    for name in ("train_step", "test_step"):
        step = batch.wrap_step(vars(ModelSteps)[name], name == "train_step")
        yield ModelSteps, name, step
    names = batch.metrics_names(vars(MetricsOwner)["metrics_names"])
    yield MetricsOwner, "metrics_names", names
    compute_metrics = vars(MetricsOwner)["compute_metrics"]
    yield MetricsOwner, "compute_metrics", batch.wrap_compute_metrics(compute_metrics)
    yield arrays, "_check_indices", wrap_index_check(vars(arrays)["_check_indices"])
