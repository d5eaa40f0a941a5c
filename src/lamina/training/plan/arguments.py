"""Arguments of `compile`, and the losses and metrics that they name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax

from lamina import losses, metrics, tree
from lamina.core.graph import SymbolicTensor
from lamina.core.module import Module, is_user_defined, snake_case
from lamina.core.registry import Registry
from lamina.errors import ArgumentTypeError, DataError
from lamina.losses.base import LossSum, loss_registry
from lamina.metrics.base import Metric, metric_registry
from lamina.training.plan.outputs import Given, Outputs

# A transformation of Optax is a tuple of functions.
OptimizerLike: TypeAlias = (
    str | type | Mapping[str, Any] | Module | tuple[Any, ...] | None
)
LossLike: TypeAlias = (
    str | Callable[..., Any] | Sequence[Any] | Mapping[str, Any] | None
)
MetricsLike: TypeAlias = LossLike | Metric
Shaped: TypeAlias = jax.ShapeDtypeStruct | SymbolicTensor

# Names for the form that fits labels and outputs.
_ACCURACY = ("accuracy", "acc")
_CROSSENTROPY = ("crossentropy", "ce")


class CompileArgs(NamedTuple):
    """The arguments of `compile`, as given for all outputs or for one."""

    loss: LossLike = None
    loss_weights: Mapping[str, Any] | Sequence[Any] | float | None = None
    metrics: MetricsLike = None
    weighted_metrics: MetricsLike = None

    @property
    def is_empty(self) -> bool:
        """True without losses and metrics."""
        return all(argument is None for argument in self)

    def of_losses(self) -> CompileArgs:
        """Return the arguments without metrics."""
        return self._replace(metrics=None, weighted_metrics=None)

    def of_metrics(self) -> CompileArgs:
        """Return the arguments without losses."""
        return self._replace(loss=None, loss_weights=None)

    def losses_of(self, outputs: Outputs) -> list[Given]:
        """Return the losses, each with the outputs that it takes."""
        return outputs.assign(self.loss, "loss", for_all=True)

    def used(self, outputs: Outputs) -> list[bool]:
        """Return which outputs have a loss."""
        used = {i for given in self.losses_of(outputs) for i in given.indices}
        return [i in used for i in range(len(outputs))]

    def weights_of(self, outputs: Outputs, found: Sequence[Given]) -> list[Any]:
        """Return the weight of each of these losses; `None` without one."""
        weights = self.loss_weights
        if isinstance(weights, (list, tuple)) and len(weights) == len(found):
            return list(weights)
        given = outputs.assign(weights, "loss_weights")
        by_index = {i: each.value for each in given for i in each.indices}
        return [by_index.get(loss.indices[0]) for loss in found]

    def metrics_of(self, outputs: Outputs, weighted: bool) -> list[Any]:
        """Return the metrics of each output; `None` for those without any."""
        name = "weighted_metrics" if weighted else "metrics"
        given = outputs.assign(getattr(self, name), name, many=True)
        by_index = {i: each.value for each in given for i in each.indices}
        return [by_index.get(i) for i in range(len(outputs))]

    def metric_objects(self) -> list[Metric]:
        """Return the metrics that are given as objects."""
        given = tree.flatten([self.metrics, self.weighted_metrics])
        return [metric for metric in given if isinstance(metric, Metric)]

    def check(self) -> None:
        """Raise if a loss or metric is neither a known name nor a suitable function.

        Raises:
            UnknownNameError: a name is unknown; the message offers similar ones.
            ArgumentError: a value is neither a name nor an object or function.
            ArgumentTypeError: a function does not take labels and outputs.
        """
        for loss in jax.tree.leaves(self.loss):
            _check(loss, loss_registry, _CROSSENTROPY)
        for metric in jax.tree.leaves([self.metrics, self.weighted_metrics]):
            _check(metric, metric_registry, (*_ACCURACY, *_CROSSENTROPY))


def _check(value: object, registry: Registry, names: Sequence[str]) -> None:
    """Check a loss or metric; `names` are those that depend on labels and outputs."""
    if isinstance(value, str):
        if value.lower() not in names:
            registry.find(value)
    elif not callable(value):
        registry.get(value)
    elif inspect.isfunction(value):
        signature = inspect.signature(value)
        try:
            signature.bind(None, None)
        except TypeError:
            raise ArgumentTypeError(
                f"compile: the {registry.kind} {value.__name__!r} is called with "
                f"(y_true, y_pred), but takes {signature}. Give it these two "
                f"arguments; if it returns the {registry.kind}, call it."
            ) from None


def listed(value: object) -> list[Any]:
    """Return one value or several as a list; `None` is none."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _kind(y_true: Shaped | None, y_pred: Shaped) -> str:
    """Return which kind of accuracy or crossentropy fits labels and predictions.

    Raises:
        DataError: there are no labels.
    """
    if y_true is None:
        raise DataError(
            "A metric or loss such as 'accuracy' depends on the labels, but y has none "
            "for its output. Add them to y, or remove it from `compile`."
        )
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    if pred and pred[-1] == 1:
        return "binary"
    if len(true) < len(pred) or true[-1:] == (1,):
        return "sparse_categorical"
    return "categorical"


def loss_kind(loss: object) -> str:
    """Return the name of a loss's function, whatever the loss is called."""
    function = getattr(loss, "fn", None)
    return getattr(function, "__name__", "") or snake_case(type(loss).__name__)


def is_known_loss(loss: object) -> bool:
    """Return whether a loss is one of lamina's, used as it is."""
    function = getattr(loss, "fn", None)
    if function is not None:
        return getattr(losses, loss_kind(loss), None) is function
    return loss is not None and not is_user_defined(type(loss))


def resolve_loss(
    identifier: object, y_true: Shaped | None, y_pred: Shaped
) -> losses.Loss:
    """Return the loss object for the loss, or list of losses, of one output."""
    if isinstance(identifier, (list, tuple)):
        parts = [resolve_loss(part, y_true, y_pred) for part in identifier]
        return parts[0] if len(parts) == 1 else LossSum(parts)
    if isinstance(identifier, str) and identifier.lower() in _CROSSENTROPY:
        identifier = f"{_kind(y_true, y_pred)}_crossentropy"
    found = losses.get(identifier)
    if isinstance(found, losses.Loss):
        return found
    return losses.LossFunctionWrapper(found, name=_name_of(found))


def _name_of(function: Callable[..., Any]) -> str:
    """Return a function's name in logs; a lambda's has no brackets, as in Keras."""
    return getattr(function, "__name__", type(function).__name__).strip("<>")


def resolve_metric(identifier: object, y_true: Shaped | None, y_pred: Shaped) -> Metric:
    """Return the metric object for one output's metric given to `compile`."""
    name = identifier if isinstance(identifier, str) else ""
    if name.lower() in (*_ACCURACY, *_CROSSENTROPY):
        wanted = "accuracy" if name.lower() in _ACCURACY else "crossentropy"
        identifier = f"{_kind(y_true, y_pred)}_{wanted}"
    found = metrics.get(identifier)
    if not isinstance(found, Metric):
        found = metrics.MeanMetricWrapper(found, name=name or _name_of(found))
    if name:
        found.name = name
    return found
