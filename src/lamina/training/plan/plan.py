"""Losses and metrics of a compiled model, resolved once against its outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from lamina import metrics
from lamina.core.check import is_number
from lamina.core.masks import get_mask
from lamina.core.module import Hyperparameter, Module
from lamina.errors import ArgumentError, DataError, LaminaError, LikelyMistakeWarning
from lamina.layers.base.spec import describe_shapes
from lamina.metrics.base import Metric
from lamina.tracebacks import warn
from lamina.training.plan.arguments import (
    CompileArgs,
    Shaped,
    listed,
    resolve_loss,
    resolve_metric,
)
from lamina.training.plan.outputs import Given, Outputs
from lamina.typing import Array, ArrayLike, Logs, PyTree


class WeightedLoss(Module):
    """Base of the losses of a plan, with a weight and a mean.

    Args:
        name: its name in logs, `None` if it has none.
        loss: a loss as given to `compile`.
        weight: the weight, `None` for 1.
        y_true: shape of the labels, `None` if there are none.
        y_pred: shape of the outputs.
        tracked: whether the mean of the loss is a metric.
    """

    loss_weight = Hyperparameter()

    def __init__(
        self,
        name: str | None,
        loss: object,
        weight: object,
        y_true: Shaped | None,
        y_pred: Shaped,
        tracked: bool,
    ) -> None:
        if weight is not None and not is_number(weight):
            raise ArgumentError(
                "compile: `loss_weights` takes numbers, one for each output. "
                f"Received: {weight!r}. Metrics are passed as `metrics=`."
            )
        self.name = name or ""
        self.loss = None if loss is None else resolve_loss(loss, y_true, y_pred)
        self.loss_weight = weight
        has_tracker = tracked and loss is not None
        self.tracker = metrics.Mean(f"{name}_loss") if has_tracker else None

    def add_to(self, total: Any, true: Any, pred: Any, weight: Any) -> Any:
        """Return a sum of losses with the weighted loss of a batch."""
        if self.loss is None:
            return total
        with _note_call("loss", self.loss.name, true, pred):
            value = self.loss(true, pred, weight)
        if self.tracker is not None:
            rows = jax.tree.leaves(pred)[0].shape[0]
            self.tracker.update_state(value, sample_weight=rows)
        if self.loss_weight is not None:
            value = value * self.loss_weight
        return value if total is None else total + value


class OutputPlan(WeightedLoss):
    """Loss, weight and metrics of one output.

    Args:
        given: the arguments of `compile` for this output.
        name: the output's name, `None` if it has none.
        y_true: shape of the labels, `None` if there are none.
        y_pred: shape of the output.
        tracked: whether the mean of the loss is a metric.
    """

    def __init__(
        self,
        given: CompileArgs,
        name: str | None,
        y_true: Shaped | None,
        y_pred: Shaped,
        tracked: bool,
    ) -> None:
        loss, weight = given.loss, given.loss_weights
        super().__init__(name, loss, weight, y_true, y_pred, tracked)
        self.metrics, self.weighted_metrics = (
            [resolve_metric(m, y_true, y_pred) for m in listed(some)]
            for some in (given.metrics, given.weighted_metrics)
        )


class GroupLoss(WeightedLoss):
    """Loss that one function computes from several outputs.

    Args:
        given: the loss, with a structure of the outputs' indices.
        name: see `WeightedLoss`.
        weight: see `WeightedLoss`.
        y_true: shapes of the labels of all outputs.
        y_pred: shapes of all outputs.
        tracked: see `WeightedLoss`.
    """

    def __init__(
        self,
        given: Given,
        name: str | None,
        weight: object,
        y_true: Sequence[Any],
        y_pred: Sequence[Any],
        tracked: bool,
    ) -> None:
        self.part, first = given.part, given.indices[0]
        shapes = y_true[first], y_pred[first]
        super().__init__(name, given.value, weight, *shapes, tracked)

    def select(self, values: Sequence[Any]) -> Any:
        """Return the values of the outputs of this loss, in their structure."""
        return jax.tree.map(lambda i: values[i], self.part)

    def weight_of(self, weights: Sequence[Any]) -> Any:
        """Return the weights of the rows, which the outputs must share."""
        selected = self.select(weights)
        first, *others = jax.tree.leaves(selected, is_leaf=lambda v: v is None)
        if any(other is not first for other in others):
            raise DataError(
                f"The outputs {self.name!r} have one loss, which takes one "
                "`sample_weight`. Pass a single array."
            )
        return first


class Plan(Module):
    """Losses and metrics of a compiled model, for known outputs.

    Args:
        compiled: the arguments of `compile`.
        outputs: the outputs.
        y_true: labels' shapes, in the outputs' order; `None` where there are none.
        y_pred: outputs' shapes.
    """

    def __init__(
        self,
        compiled: CompileArgs,
        outputs: Outputs,
        y_true: Sequence[Any],
        y_pred: Sequence[Any],
    ) -> None:
        self._outputs = outputs
        given = compiled.losses_of(outputs)
        weights = compiled.weights_of(outputs, given)
        tracked = len(given) > 1
        pairs = list(zip(given, weights, strict=True))
        alone = {g.part: (g.value, w) for g, w in pairs if isinstance(g.part, int)}
        found = [compiled.metrics_of(outputs, weighted) for weighted in (False, True)]
        arguments = [
            CompileArgs(*alone.get(i, (None, None)), *some)
            for i, some in enumerate(zip(*found, strict=True))
        ]
        rows = zip(arguments, outputs.names, y_true, y_pred, strict=True)
        self.outputs = [OutputPlan(*row, tracked) for row in rows]
        self.groups = [
            GroupLoss(g, outputs.name(g.path, None), weight, y_true, y_pred, tracked)
            for g, weight in pairs
            if not isinstance(g.part, int)
        ]

    def labels(self, y: PyTree) -> list[Any]:
        """Return labels in the outputs' order, `None` where there are none."""
        used = [out.loss is not None for out in self.outputs]
        for group in self.groups:
            for index in jax.tree.leaves(group.part):
                used[index] = True
        return self._outputs.flatten(y, "y", used)

    def _columns(
        self, y: PyTree, y_pred: PyTree, sample_weight: PyTree
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Return labels, values and weights in the outputs' order."""
        flatten = self._outputs.flatten
        pred = flatten(y_pred, "y_pred")
        return self.labels(y), pred, flatten(sample_weight, "sample_weight")

    def _rows(
        self, columns: Sequence[Any]
    ) -> Iterator[tuple[OutputPlan, Any, Any, Any]]:
        """Yield each output that has labels, with its labels, values and weights."""
        for row in zip(self.outputs, *columns, strict=True):
            if row[1] is not None:
                yield row

    @property
    def metrics(self) -> list[Metric]:
        """Every metric, losses' trackers first."""
        return [metric for _, metric in self.named_metrics()]

    def loss(self, y: PyTree, y_pred: PyTree, sample_weight: PyTree) -> Array | None:
        """Return the weighted sum of the outputs' losses, `None` without any."""
        total: Any = None
        columns = self._columns(y, y_pred, sample_weight)
        for out, *row in self._rows(columns):
            total = out.add_to(total, *row)
        true, pred, weights = columns
        for group in self.groups:
            labels, values = group.select(true), group.select(pred)
            total = group.add_to(total, labels, values, group.weight_of(weights))
        return total

    def update(self, y: PyTree, y_pred: PyTree, sample_weight: PyTree) -> None:
        """Update the metrics with one batch."""
        for out, t, p, w in self._rows(self._columns(y, y_pred, sample_weight)):
            mask = get_mask(p)
            pairs = [(metric, None) for metric in out.metrics]
            pairs += [(metric, w) for metric in out.weighted_metrics]
            for metric, weight in pairs:
                with _note_call("metric", metric.name, t, p):
                    metric.update_state(t, p, _mask_weight(weight, mask))
                _check_attributes(metric)

    def named_metrics(self) -> list[tuple[str, Metric]]:
        """Return every metric with its name in logs."""
        several = len(self.outputs) > 1
        losses: Any = [*self.outputs, *self.groups]
        trackers = [each.tracker for each in losses if each.tracker is not None]
        found: dict[str, Metric] = {t.name: t for t in trackers}
        for weighted in (False, True):
            for out in self.outputs:
                for metric in out.weighted_metrics if weighted else out.metrics:
                    prefix = f"{out.name}_" if several and out.name else ""
                    found[_free_name(found, prefix, metric.name, weighted)] = metric
        return list(found.items())


def _check_attributes(metric: Metric) -> None:
    """Warn about a tensor in an attribute, which is lost after the step."""
    for name, value in vars(metric).items():
        if isinstance(value, Tracer):
            warn(
                f"The metric {metric.name!r} keeps a tensor in `{name}`, which is lost "
                f"after the step. Create `self.{name} = self.add_variable((), "
                f"'zeros')` in `__init__`, and call `self.{name}.assign(value)`.",
                LikelyMistakeWarning,
            )


@contextmanager
def _note_call(kind: str, name: str, y_true: PyTree, y_pred: PyTree) -> Iterator[None]:
    """Add the name of a loss or metric, and the shapes, to errors of user code."""
    try:
        yield
    except LaminaError:
        raise
    except Exception as error:
        error.add_note(
            f"Raised in the {kind} {name!r}, called on y_true "
            f"{describe_shapes(y_true)} and y_pred {describe_shapes(y_pred)}."
        )
        raise


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
