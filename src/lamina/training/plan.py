"""Arguments of `compile`, resolved once against the model's outputs.

Outputs and labels may be one array, a list or a dictionary; here they become flat
lists in one order, with a name for each output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lamina import losses, metrics
from lamina.core.check import is_number
from lamina.core.masks import get_mask
from lamina.core.module import Hyperparameter, Module, snake_case
from lamina.errors import ArgumentError, DataError, did_you_mean
from lamina.losses.base import loss_registry
from lamina.metrics.base import metric_registry, result_of

# Names for the form that fits labels and outputs.
_ACCURACY = ("accuracy", "acc")
_CROSSENTROPY = ("crossentropy", "ce")


class OutputPlan(Module):
    """Loss, weight and metrics of one output."""

    loss_weight = Hyperparameter()

    def __init__(
        self,
        name: str | None,
        loss: Any,
        loss_weight: float | None,
        metrics: Sequence[Any],
        weighted_metrics: Sequence[Any],
        tracker: Any,
    ) -> None:
        self.name = name or ""
        self.loss = loss
        self.loss_weight = loss_weight
        self.metrics = list(metrics)
        self.weighted_metrics = list(weighted_metrics)
        self.tracker = tracker


class CompileArgs(NamedTuple):
    """The arguments of `compile`, as given."""

    loss: Any = None
    loss_weights: Any = None
    metrics: Any = None
    weighted_metrics: Any = None

    def used(self, names: Sequence[str | None]) -> list[bool]:
        """Return which outputs have a loss."""
        chosen = _per_output(self.loss, names, "loss", spread=True)
        return [loss is not None for loss in chosen]

    def check_names(self) -> None:
        """Raise for a name that no loss or metric has, where it was given.

        Raises:
            UnknownNameError: the nearest names are offered.
        """
        for name in _strings(self.loss):
            if name.lower() not in _CROSSENTROPY:
                loss_registry.find(name)
        for name in (*_strings(self.metrics), *_strings(self.weighted_metrics)):
            if name.lower() not in (*_ACCURACY, *_CROSSENTROPY):
                metric_registry.find(name)


def _strings(tree: Any) -> list[str]:
    return [v for v in jax.tree.leaves(tree) if isinstance(v, str)]


class Plan(Module):
    """Losses and metrics of a compiled model, for known outputs.

    Args:
        compiled: what `compile` was given.
        names: the outputs' names, `None` where they have none.
        y_true: labels' shapes, in the outputs' order; `None` where there are none.
        y_pred: outputs' shapes.
    """

    def __init__(
        self,
        compiled: CompileArgs,
        names: Sequence[str | None],
        y_true: Sequence[Any],
        y_pred: Sequence[Any],
    ) -> None:
        self.names = list(names)
        several = len(self.names) > 1
        chosen = _per_output(compiled.loss, self.names, "loss", spread=True)
        weights = _per_output(compiled.loss_weights, self.names, "loss_weights")
        _check_weights(weights)
        plain = _per_output(compiled.metrics, self.names, "metrics", many=True)
        weighted = _per_output(
            compiled.weighted_metrics, self.names, "weighted_metrics", many=True
        )
        tracked = several and sum(c is not None for c in chosen) > 1
        self.outputs = [
            OutputPlan(
                name,
                None if loss is None else resolve_loss(loss, t, p),
                weight,
                [resolve_metric(m, t, p) for m in _listed(plain_metrics)],
                [resolve_metric(m, t, p) for m in _listed(weighted_metrics)],
                metrics.Mean(f"{name}_loss") if tracked and loss is not None else None,
            )
            for name, loss, weight, plain_metrics, weighted_metrics, t, p in zip(
                self.names,
                chosen,
                weights,
                plain,
                weighted,
                y_true,
                y_pred,
                strict=True,
            )
        ]

    def labels(self, y: Any) -> list[Any]:
        """Labels in the outputs' order, `None` where there are none."""
        used = [out.loss is not None for out in self.outputs]
        return flatten_by_names(y, self.names, "y", used)

    @property
    def metrics(self) -> list[Any]:
        """Every metric, losses' trackers first."""
        trackers = [o.tracker for o in self.outputs if o.tracker is not None]
        plain = [m for o in self.outputs for m in o.metrics]
        weighted = [m for o in self.outputs for m in o.weighted_metrics]
        return [*trackers, *plain, *weighted]

    def loss(
        self, y_true: Sequence[Any], y_pred: Sequence[Any], weights: Sequence[Any]
    ) -> Any:
        """Return the weighted sum of the outputs' losses."""
        total: Any = None
        for out, t, p, w in zip(self.outputs, y_true, y_pred, weights, strict=True):
            if out.loss is None or t is None:
                continue
            value = out.loss(t, p, w)
            if out.tracker is not None:
                out.tracker.update_state(value, sample_weight=p.shape[0])
            if out.loss_weight is not None:
                value = value * out.loss_weight
            total = value if total is None else total + value
        return total

    def update(
        self, y_true: Sequence[Any], y_pred: Sequence[Any], weights: Sequence[Any]
    ) -> None:
        """Update the metrics with one batch."""
        for out, t, p, w in zip(self.outputs, y_true, y_pred, weights, strict=True):
            if t is None:
                continue
            mask = get_mask(p)
            for metric in out.metrics:
                metric.update_state(t, p, _mask_weight(None, mask))
            for metric in out.weighted_metrics:
                metric.update_state(t, p, _mask_weight(w, mask))

    def named_metrics(self) -> list[tuple[str, Any]]:
        """Return every metric with its name in logs."""
        several = len(self.outputs) > 1
        trackers = [o.tracker for o in self.outputs if o.tracker is not None]
        found: dict[str, Any] = {tracker.name: tracker for tracker in trackers}
        for weighted in (False, True):
            for out in self.outputs:
                for metric in out.weighted_metrics if weighted else out.metrics:
                    prefix = f"{out.name}_" if several and out.name else ""
                    found[_free_name(found, prefix, metric.name, weighted)] = metric
        return list(found.items())

    def results(self) -> dict[str, Any]:
        """Return every metric's result, by its name in logs."""
        logs: dict[str, Any] = {}
        for name, metric in self.named_metrics():
            result = result_of(metric)
            logs.update(result if isinstance(result, dict) else {name: result})
        return logs


def _free_name(logs: dict[str, Any], prefix: str, name: str, weighted: bool) -> str:
    if weighted and prefix + name in logs:
        prefix += "weighted_"
    full, count = prefix + name, 1
    while full in logs:
        full, count = f"{prefix}{name}_{count}", count + 1
    return full


def _mask_weight(weight: Any, mask: Any) -> Any:
    if mask is None:
        return weight
    mask = mask.astype(jnp.float32)
    if weight is None:
        return mask
    weight = jnp.asarray(weight)
    return mask * weight.reshape(weight.shape + (1,) * (mask.ndim - weight.ndim))


def _check_weights(weights: Sequence[Any]) -> None:
    for weight in weights:
        if weight is not None and not is_number(weight):
            raise ArgumentError(
                "compile: `loss_weights` takes numbers, one for each output. "
                f"Received: {weight!r}. Metrics are passed as `metrics=`."
            )


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _per_output(
    value: Any,
    names: Sequence[str | None],
    argument: str,
    spread: bool = False,
    many: bool = False,
) -> list[Any]:
    """Return one entry for each output, from a value, a list or a dictionary.

    Args:
        value: what `compile` was given.
        names: the outputs' names.
        argument: its name, for messages.
        spread: whether a single value serves every output.
        many: whether one output may have a list of them.
    """
    count = len(names)
    if value is None:
        return [None] * count
    if isinstance(value, dict):
        value = _by_path(value, (dict,))
        unknown = [k for k in value if k not in names]
        if unknown:
            known = [n for n in names if n]
            raise ArgumentError(
                f"compile: `{argument}` names the output {unknown[0]!r}, which the "
                f"model doesn't have.{did_you_mean(unknown[0], known)} Its outputs "
                f"are: {known}."
            )
        return [value.get(n) for n in names]
    if isinstance(value, (list, tuple)):
        if count == 1 and many:
            return [_flat(value)]
        if len(value) != count and not many:
            value = _flat(value)
        if len(value) == count:
            return list(value)
        raise ArgumentError(
            f"compile: `{argument}` has {len(value)} entries for {count} outputs "
            f"({list(names)}). Give one for each output, or a dictionary by name."
        )
    if count == 1 or spread:
        return [value] * count
    raise ArgumentError(
        f"compile: the model has {count} outputs ({list(names)}), so `{argument}` "
        f"must be a list or a dictionary. Received: {value!r}."
    )


def _by_path(tree: Any, nested: tuple[type, ...] = (dict, list, tuple)) -> Any:
    """Flatten nested dictionaries into one, whose keys are paths such as `"b/c"`."""
    if not isinstance(tree, nested):
        return {"": tree}
    parts = sorted(tree.items()) if isinstance(tree, dict) else enumerate(tree)
    return {
        f"{key}/{path}" if path else str(key): leaf
        for key, part in parts
        for path, leaf in _by_path(part, nested).items()
    }


def _flat(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [item for v in value for item in _flat(v)]
    return [value]


def _kind(y_true: Any, y_pred: Any) -> str:
    """Return which kind of accuracy or crossentropy fits labels and predictions."""
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    if pred and pred[-1] == 1:
        return "binary"
    if len(true) < len(pred) or (true and true[-1] == 1 and pred[-1] > 1):
        return "sparse_categorical"
    return "categorical"


def loss_kind(loss: Any) -> str:
    """Return the name of a loss's function, whatever the loss is called."""
    function = getattr(loss, "fn", None)
    return getattr(function, "__name__", "") or snake_case(type(loss).__name__)


def resolve_loss(identifier: Any, y_true: Any, y_pred: Any) -> Any:
    """Return the loss object for what `compile` was given for one output."""
    if isinstance(identifier, str) and identifier.lower() in _CROSSENTROPY:
        identifier = f"{_kind(y_true, y_pred)}_crossentropy"
    found = losses.get(identifier)
    if isinstance(found, losses.Loss):
        return found
    return losses.LossFunctionWrapper(found, name=_name_of(found))


def _name_of(function: Any) -> str:
    """Return a function's name in logs; a lambda's has no brackets, as in Keras."""
    return getattr(function, "__name__", type(function).__name__).strip("<>")


def resolve_metric(identifier: Any, y_true: Any, y_pred: Any) -> Any:
    """Return the metric object for what `compile` was given for one output."""
    name = identifier if isinstance(identifier, str) else None
    if name is not None and name.lower() in (*_ACCURACY, *_CROSSENTROPY):
        wanted = "accuracy" if name.lower() in _ACCURACY else "crossentropy"
        identifier = f"{_kind(y_true, y_pred)}_{wanted}"
    found = metrics.get(identifier)
    if not isinstance(found, metrics.Metric):
        found = metrics.MeanMetricWrapper(found, name=name or _name_of(found))
    if name:
        found.name = name
    return found


def output_names_of(model: Any, y_pred: Any) -> list[str | None]:
    """Return a name for each output: keys of a dictionary, or names of a graph."""
    if isinstance(y_pred, dict):
        return list(_by_path(y_pred))
    names = getattr(model, "output_names", None)
    count = len(jax.tree.leaves(y_pred))
    if names and len(names) == count:
        return list(names)
    if count == 1:
        return [None]
    return [f"output_{i + 1}" for i in range(count)]


def flatten_by_names(
    tree: Any,
    names: Sequence[str | None],
    what: str,
    used: Sequence[bool] | None = None,
) -> list[Any]:
    """Return labels, weights or outputs as a flat list in the outputs' order.

    Args:
        tree: an array, or several in lists or dictionaries.
        names: the outputs' names.
        what: `"y"`, `"y_pred"` or `"sample_weight"`.
        used: which outputs have a loss: there may be labels for these alone.
    Raises:
        DataError: there are more or fewer than outputs, or other names.
    """
    count = len(names)
    if tree is None:
        return [None] * count
    if isinstance(tree, dict):
        tree = _by_path(tree)
        unknown = [k for k in tree if k not in names]
        if unknown:
            raise DataError(
                f"{what} has the key {unknown[0]!r}, but the model's outputs are "
                f"{list(names)}."
            )
        return [tree.get(n) for n in names]
    leaves = jax.tree.leaves(tree, is_leaf=lambda v: v is None)
    if len(leaves) == 1 and what == "sample_weight":
        return leaves * count
    if used is not None and len(leaves) == sum(used) < count:
        given = iter(leaves)
        return [next(given) if is_used else None for is_used in used]
    if len(leaves) != count:
        raise DataError(
            f"{what} has {len(leaves)} arrays, but the model has {count} outputs "
            f"({list(names)}). Give one for each, or a dictionary by name."
        )
    return leaves
