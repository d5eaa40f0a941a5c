"""Old methods of models and optimizers."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from lamina.compat import logs
from lamina.compat.arguments import FUNCTIONS, renamed
from lamina.compat.keras import batch
from lamina.compat.keras.backend import graphs
from lamina.compat.notices import tell
from lamina.data.pipeline.dataset import Dataset
from lamina.layers import Layer
from lamina.lazy import LazyImport
from lamina.metrics import Metric
from lamina.models import Functional, Model, Sequential
from lamina.optimizers import LossScaleOptimizer, Optimizer
from lamina.training.callbacks import ModelCheckpoint
from lamina.training.callbacks.history import History
from lamina.training.callbacks.monitoring.monitor import MonitorCallback
from lamina.typing import Array, Config, Data, PartialShape, PyTree


def fit_generator(
    model: Model,
    generator: Iterable[Any],
    steps_per_epoch: int | None = None,
    epochs: int = 1,
    **options: Any,
) -> Any:
    """Train on a generator's batches, with the arguments of Keras 1 or 2."""
    tell("model.fit_generator", "model.fit")
    found = renamed("fit_generator", FUNCTIONS["fit_generator"], options)
    samples = found.pop("samples_per_epoch", None)
    if samples is not None:
        generator, steps_per_epoch = _counted(generator, samples)
    samples = found.pop("val_samples", None)
    validation = found.get("validation_data")
    if samples is not None and not isinstance(validation, (tuple, list, type(None))):
        counted = _counted(validation, samples)
        found["validation_data"], found["validation_steps"] = counted
    options = {"epochs": epochs, **found}
    return model.fit(generator, steps_per_epoch=steps_per_epoch, **options)


def evaluate_generator(
    model: Model, generator: Iterable[Any], steps: int | None = None, **options: object
) -> Any:
    """Evaluate on a generator's batches, with the arguments of Keras 1 or 2."""
    tell("model.evaluate_generator", "model.evaluate")
    return _over_generator(
        model.evaluate, "evaluate_generator", generator, steps, options
    )


def predict_generator(
    model: Model, generator: Iterable[Any], steps: int | None = None, **options: object
) -> Any:
    """Predict on a generator's batches, with the arguments of Keras 1 or 2."""
    tell("model.predict_generator", "model.predict")
    return _over_generator(
        model.predict, "predict_generator", generator, steps, options
    )


def _over_generator(
    method: Callable[..., Any],
    name: str,
    generator: Iterable[Any],
    steps: int | None,
    options: Mapping[str, Any],
) -> Any:
    found = renamed(name, FUNCTIONS[name], options)
    samples = found.pop("val_samples", None)
    if samples is not None:
        generator, steps = _counted(generator, samples)
    return method(generator, steps=steps, **found)


def _counted(source: Iterable[Any], samples: int) -> tuple[Iterable[Any], int]:
    """Return batches, and the number of them that have this number of rows.

    The first batch tells the number of rows in each.
    """
    batches = iter(source)
    first = x = next(batches)
    while isinstance(x, (tuple, list, dict)):
        x = next(iter(x.values())) if isinstance(x, dict) else x[0]
    return itertools.chain([first], batches), max(1, -(-int(samples) // len(x)))


def predict_classes(
    model: Model, x: Data, batch_size: int | None = None, verbose: int = 0
) -> np.ndarray:
    """Return the most probable class of each row."""
    tell("model.predict_classes(x)", "model.predict(x).argmax(axis=-1), or > 0.5")
    scores = np.asarray(model.predict(x, batch_size=batch_size, verbose=verbose))
    if scores.shape[-1] > 1:
        return scores.argmax(axis=-1)
    return (scores > 0.5).astype("int32")


def predict_proba(
    model: Model, x: Data, batch_size: int | None = None, verbose: int = 0
) -> np.ndarray:
    """Return the outputs, which are probabilities if the model computes them."""
    tell("model.predict_proba", "model.predict")
    return model.predict(x, batch_size=batch_size, verbose=verbose)


def reset_states(model: Any) -> None:
    """Set the states of recurrent layers to zero, or that of one layer."""
    tell("model.reset_states", "layer.reset_state for each recurrent layer")
    for layer in getattr(model, "layers", [model]):
        if hasattr(layer, "layers"):
            reset_states(layer)
        elif hasattr(layer, "reset_state"):
            layer.reset_state()


def _get_learning_rate(optimizer: Optimizer) -> Any:
    tell("optimizer.lr", "optimizer.learning_rate")
    return optimizer.learning_rate


def _set_learning_rate(optimizer: Optimizer, value: Any) -> None:
    tell("optimizer.lr", "optimizer.learning_rate")
    optimizer.learning_rate = value


def _output_shape_for(layer: Layer, input_shape: PartialShape) -> Any:
    tell("layer.get_output_shape_for", "layer.compute_output_shape")
    return layer.compute_output_shape(input_shape)


def _add_update(layer: Layer, updates: object, inputs: object = None) -> None:
    tell("layer.add_update(update)", "")


def _rebuild(model: Any) -> None:
    """Wire a stack whose first layer may be a model of several inputs (`Merge`)."""
    first = next(iter(model.layers), None)
    if not isinstance(first, Functional) or len(first.inputs) == 1:
        _rebuild_stack(model)
        return
    tensor = first.output
    for layer in model.layers[1:]:
        tensor = layer(tensor)
    model._set_graph(first.inputs, tensor)


_rebuild_stack = vars(Sequential)["_rebuild"]


# Methods of TensorFlow's data sets for those that lamina's functions return, such as
# `image_dataset_from_directory`.
_DATASET_METHODS = (
    *("apply", "concatenate", "enumerate", "filter", "flat_map", "interleave"),
    *("options", "reduce", "scan", "shard", "take_while", "window", "with_options"),
    *("get_single_element", "zip"),
)
_as_dataset = LazyImport("lamina.compat.tensorflow.data.dataset:as_dataset")
_tensor = LazyImport("lamina.compat.tensorflow.base.tensors:tensor")
_items = Dataset.__iter__


def _dataset_method(name: str) -> Callable[..., Any]:
    def method(dataset: Dataset, *args: object, **kwargs: object) -> Any:
        return getattr(_as_dataset.load()(dataset), name)(*args, **kwargs)

    return method


def _tensors(dataset: Dataset) -> Iterator[Any]:
    tensor = _tensor.load()
    return (jax.tree.map(tensor, item) for item in _items(dataset))


# Methods that have another name today.
FORMER_METHODS = {
    "fit_generator": "fit",
    "evaluate_generator": "evaluate",
    "predict_generator": "predict",
    "predict_proba": "predict",
    "to_yaml": "to_json",
}


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


def _reset_metric(metric: Metric) -> None:
    tell("metric.reset_states()", "metric.reset_state()")
    metric.reset_state()


def _without_rows(data: object) -> bool:
    """Return whether data are arrays without rows."""
    leaves = jax.tree.leaves(data) if isinstance(data, (tuple, list)) else []
    return bool(leaves) and all(np.shape(a)[:1] == (0,) for a in leaves)


def fitting(fit: Callable[..., Any]) -> Callable[..., Any]:
    """Return a `fit` without validation if the data for it has no rows."""

    @functools.wraps(fit)
    def call(model: Model, *args: object, **kwargs: object) -> Any:
        if _without_rows(kwargs.get("validation_data")):
            tell("fit(validation_data=) without rows", "fit() without it")
            del kwargs["validation_data"]
        return fit(model, *args, **kwargs)

    return call


def _add_weight(layer: Layer, *args: Any, **kwargs: Any) -> Any:
    """Add a weight; tf.keras took its name first."""
    if args and isinstance(args[0], str):
        name, args = args[0], args[1:]
        tell(f"add_weight({name!r}, shape)", f"add_weight(shape, name={name!r})")
        kwargs["name"] = name
    return _add_weight_of_layers(layer, *args, **kwargs)


_add_weight_of_layers = Layer.add_weight
_tape_minimize = LazyImport("lamina.compat.tensorflow.recording.tape:minimize")


def _scaled_loss(optimizer: LossScaleOptimizer, loss: Array) -> Any:
    """Return a loss multiplied by the scale."""
    tell("optimizer.get_scaled_loss(loss)", "optimizer.scale_loss(loss)")
    return optimizer.scale_loss(loss)


def _scaled_gradients(optimizer: LossScaleOptimizer, grads: Sequence[Any]) -> Any:
    """Return gradients as they are: `apply_gradients` divides them by the scale."""
    tell("optimizer.get_unscaled_gradients(gradients)", "gradients")
    return grads


def _minimize(optimizer: Optimizer, *args: object, **kwargs: object) -> Any:
    return _tape_minimize.load()(optimizer, *args, **kwargs)


def _from_config(
    cls: type[Model], config: Config, custom_objects: dict[str, Any] | None = None
) -> Any:
    """Return a model of a config, which may be that of a `Sequential`."""
    if cls is Model and "layers" in config and "input_layers" not in config:
        return Sequential.from_config(config, custom_objects)
    return _model_of.__func__(cls, config, custom_objects)


def to_yaml(model: Model, **options: object) -> str:
    """Return the config as JSON, which is YAML too."""
    tell("model.to_yaml()", "model.to_json()")
    return model.to_json(**options)


_model_of: Any = vars(Model)["from_config"]
METHODS: Mapping[type, Mapping[str, Any]] = {
    Model: {
        "from_config": classmethod(_from_config),
        "to_yaml": to_yaml,
        "fit_generator": fit_generator,
        "evaluate_generator": evaluate_generator,
        "predict_generator": predict_generator,
        "predict_classes": predict_classes,
        "predict_proba": predict_proba,
        "reset_states": reset_states,
        "compiled_loss": property(_compiled_loss),
        "compiled_metrics": property(_CompiledMetrics),
    },
    Sequential: {"_rebuild": _rebuild},
    History: {"__init__": logs.init_history},
    MonitorCallback: {"monitor": logs.MONITOR},
    ModelCheckpoint: {"filepath": logs.FILEPATH},
    Optimizer: {
        "lr": property(_get_learning_rate, _set_learning_rate),
        "get_updates": graphs.get_updates,
        "get_gradients": graphs.get_gradients,
        "minimize": _minimize,
    },
    LossScaleOptimizer: {
        "get_scaled_loss": _scaled_loss,
        "get_unscaled_gradients": _scaled_gradients,
    },
    Layer: {
        "get_output_shape_for": _output_shape_for,
        "add_metric": batch.add_metric,
        "add_update": _add_update,
        "add_variable": _add_weight,
        "add_weight": _add_weight,
    },
    Metric: {"reset_states": _reset_metric},
    Dataset: {
        **{name: _dataset_method(name) for name in _DATASET_METHODS},
        "__iter__": _tensors,
        "as_numpy_iterator": lambda dataset: _items(dataset),
    },
}
