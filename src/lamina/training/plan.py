"""Arguments of `compile`, resolved once against the model's outputs.

Outputs and labels may be one array, a list or a dictionary; here they become flat
lists in one order, with a name for each output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from lamina import losses, metrics, tree
from lamina.core.check import is_number
from lamina.core.graph import SymbolicTensor
from lamina.core.masks import get_mask
from lamina.core.module import Hyperparameter, Module, snake_case
from lamina.errors import ArgumentError, DataError, LaminaError, did_you_mean
from lamina.losses.base import LossSum, loss_registry
from lamina.metrics.base import Metric, metric_registry
from lamina.typing import Array, ArrayLike, Logs, PyTree

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

    def used(self, names: Sequence[str | None]) -> list[bool]:
        """Return which outputs have a loss."""
        return [each.loss is not None for each in self.per_output(names)]

    def per_output(self, names: Sequence[str | None]) -> list[CompileArgs]:
        """Return the arguments for each output."""
        columns = (
            _per_output(self.loss, names, "loss", for_all=True),
            _per_output(self.loss_weights, names, "loss_weights"),
            _per_output(self.metrics, names, "metrics", many=True),
            _per_output(self.weighted_metrics, names, "weighted_metrics", many=True),
        )
        return [CompileArgs(*row) for row in zip(*columns, strict=True)]

    def metric_objects(self) -> list[Metric]:
        """Return the metrics that are given as objects."""
        given = tree.flatten([self.metrics, self.weighted_metrics])
        return [metric for metric in given if isinstance(metric, Metric)]

    def check_names(self) -> None:
        """Raise if a string names no loss or metric.

        Raises:
            UnknownNameError: a name is unknown; the message offers similar ones.
        """
        for name in _strings(self.loss):
            if name.lower() not in _CROSSENTROPY:
                loss_registry.find(name)
        for name in (*_strings(self.metrics), *_strings(self.weighted_metrics)):
            if name.lower() not in (*_ACCURACY, *_CROSSENTROPY):
                metric_registry.find(name)


def _strings(tree: PyTree) -> list[str]:
    return [v for v in jax.tree.leaves(tree) if isinstance(v, str)]


class OutputPlan(Module):
    """Loss, weight and metrics of one output.

    Args:
        name: the output's name, `None` if it has none.
        given: the arguments of `compile` for this output.
        y_true: shape of the labels, `None` if there are none.
        y_pred: shape of the output.
        tracked: whether the mean of the loss is a metric.
    """

    loss_weight = Hyperparameter()

    def __init__(
        self,
        name: str | None,
        given: CompileArgs,
        y_true: Shaped,
        y_pred: Shaped,
        tracked: bool,
    ) -> None:
        loss, weight = given.loss, given.loss_weights
        if weight is not None and not is_number(weight):
            raise ArgumentError(
                "compile: `loss_weights` takes numbers, one for each output. "
                f"Received: {weight!r}. Metrics are passed as `metrics=`."
            )
        self.name = name or ""
        self.loss = None if loss is None else resolve_loss(loss, y_true, y_pred)
        self.loss_weight = weight
        self.metrics, self.weighted_metrics = (
            [resolve_metric(m, y_true, y_pred) for m in _listed(some)]
            for some in (given.metrics, given.weighted_metrics)
        )
        has_tracker = tracked and loss is not None
        self.tracker = metrics.Mean(f"{name}_loss") if has_tracker else None


class Plan(Module):
    """Losses and metrics of a compiled model, for known outputs.

    Args:
        compiled: the arguments of `compile`.
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
        given = compiled.per_output(names)
        tracked = sum(each.loss is not None for each in given) > 1
        self.outputs = [
            OutputPlan(*row, tracked)
            for row in zip(names, given, y_true, y_pred, strict=True)
        ]

    def labels(self, y: PyTree) -> list[Any]:
        """Labels in the outputs' order, `None` where there are none."""
        used = [out.loss is not None for out in self.outputs]
        return flatten_by_names(y, self.names, "y", used)

    def _rows(
        self, y: PyTree, y_pred: PyTree, sample_weight: PyTree
    ) -> Iterator[tuple[OutputPlan, Any, Any, Any]]:
        """Yield each output that has labels, with its labels, values and weights."""
        true = self.labels(y)
        pred = flatten_by_names(y_pred, self.names, "y_pred")
        weights = flatten_by_names(sample_weight, self.names, "sample_weight")
        for row in zip(self.outputs, true, pred, weights, strict=True):
            if row[1] is not None:
                yield row

    @property
    def metrics(self) -> list[Metric]:
        """Every metric, losses' trackers first."""
        return [metric for _, metric in self.named_metrics()]

    def loss(self, y: PyTree, y_pred: PyTree, sample_weight: PyTree) -> Array | None:
        """Return the weighted sum of the outputs' losses, `None` without any."""
        total: Any = None
        for out, t, p, w in self._rows(y, y_pred, sample_weight):
            if out.loss is None:
                continue
            value = out.loss(t, p, w)
            if out.tracker is not None:
                out.tracker.update_state(value, sample_weight=p.shape[0])
            if out.loss_weight is not None:
                value = value * out.loss_weight
            total = value if total is None else total + value
        return total

    def update(self, y: PyTree, y_pred: PyTree, sample_weight: PyTree) -> None:
        """Update the metrics with one batch."""
        for out, t, p, w in self._rows(y, y_pred, sample_weight):
            mask = get_mask(p)
            for metric in out.metrics:
                metric.update_state(t, p, _mask_weight(None, mask))
            for metric in out.weighted_metrics:
                metric.update_state(t, p, _mask_weight(w, mask))

    def named_metrics(self) -> list[tuple[str, Metric]]:
        """Return every metric with its name in logs."""
        several = len(self.outputs) > 1
        trackers = [o.tracker for o in self.outputs if o.tracker is not None]
        found: dict[str, Metric] = {t.name: t for t in trackers}
        for weighted in (False, True):
            for out in self.outputs:
                for metric in out.weighted_metrics if weighted else out.metrics:
                    prefix = f"{out.name}_" if several and out.name else ""
                    found[_free_name(found, prefix, metric.name, weighted)] = metric
        return list(found.items())


def _free_name(logs: Logs, prefix: str, name: str, weighted: bool) -> str:
    if weighted and prefix + name in logs:
        prefix += "weighted_"
    full, count = prefix + name, 1
    while full in logs:
        full, count = f"{prefix}{name}_{count}", count + 1
    return full


def _mask_weight(weight: ArrayLike | None, mask: Array | None) -> Any:
    if mask is None:
        return weight
    mask = mask.astype(jnp.float32)
    if weight is None:
        return mask
    weight = jnp.asarray(weight)
    return mask * weight.reshape(weight.shape + (1,) * (mask.ndim - weight.ndim))


def _listed(value: object) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _per_output(
    value: object,
    names: Sequence[str | None],
    argument: str,
    for_all: bool = False,
    many: bool = False,
) -> list[Any]:
    """Return one entry for each output, from a value, a list or a dictionary.

    Args:
        value: an argument of `compile`.
        names: the outputs' names.
        argument: the argument's name, for messages.
        spread: whether a single value applies to every output.
        many: whether one output may have a list of values.
    """
    count = len(names)
    if value is None:
        return [None] * count
    if isinstance(value, dict):
        return _by_name(_by_path(value, (dict,)), names, f"compile: `{argument}`")
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
    if count == 1 or for_all:
        return [value] * count
    raise ArgumentError(
        f"compile: the model has {count} outputs ({list(names)}), so `{argument}` "
        f"must be a list or a dictionary. Received: {value!r}."
    )


def _by_path(
    tree: PyTree, nested: tuple[type, ...] = (dict, list, tuple)
) -> dict[str, Any]:
    """Flatten nested dictionaries into one, whose keys are paths such as `"b/c"`."""
    if not isinstance(tree, nested):
        return {"": tree}
    items: Any = tree
    parts = sorted(items.items()) if isinstance(tree, dict) else enumerate(items)
    return {
        f"{key}/{path}" if path else str(key): leaf
        for key, part in parts
        for path, leaf in _by_path(part, nested).items()
    }


def _by_name(
    values: dict[str, Any],
    names: Sequence[str | None],
    what: str,
    error: type[LaminaError] = ArgumentError,
) -> list[Any]:
    """Return one entry for each output; `None` where the dictionary has none."""
    unknown = [k for k in values if k not in names]
    if unknown:
        known = [n for n in names if n]
        raise error(
            f"{what} has the key {unknown[0]!r}, but the model's outputs are {known}."
            f"{did_you_mean(unknown[0], known)}"
        )
    return [values.get(n or "") for n in names]


def _flat(value: object) -> list[Any]:
    return jax.tree.leaves(value, is_leaf=lambda v: not isinstance(v, (list, tuple)))


def _kind(y_true: Shaped, y_pred: Shaped) -> str:
    """Return which kind of accuracy or crossentropy fits labels and predictions."""
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


def resolve_loss(identifier: object, y_true: Shaped, y_pred: Shaped) -> losses.Loss:
    """Return the loss object for the loss, or list of losses, of one output."""
    if isinstance(identifier, (list, tuple)):
        parts = [resolve_loss(part, y_true, y_pred) for part in _listed(identifier)]
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


def resolve_metric(identifier: object, y_true: Shaped, y_pred: Shaped) -> Metric:
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


def output_names_of(model: object, y_pred: PyTree) -> list[str | None]:
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
    tree: PyTree,
    names: Sequence[str | None],
    what: str,
    used: Sequence[bool] | None = None,
) -> list[Any]:
    """Return labels, weights or outputs as a flat list in the outputs' order.

    Args:
        tree: an array, or several in lists or dictionaries.
        names: the outputs' names.
        what: `"y"`, `"y_pred"` or `"sample_weight"`.
        used: whether each output has a loss; only these need labels.
    Raises:
        DataError: the number or the names do not match the outputs.
    """
    count = len(names)
    if tree is None:
        return [None] * count
    if isinstance(tree, dict):
        return _by_name(_by_path(tree), names, what, DataError)
    leaves = jax.tree.leaves(tree, is_leaf=lambda v: v is None)
    if len(leaves) == 1 and what == "sample_weight":
        return leaves * count
    if used is not None and len(leaves) == sum(used) < count:
        given = iter(leaves)
        return [next(given) if is_used else None for is_used in used]
    if len(leaves) != count:
        raise DataError(
            f"The model has {count} outputs ({list(names)}), but the number of arrays "
            f"in {what} is {len(leaves)}. Give one for each, or a dictionary by name."
        )
    return leaves
