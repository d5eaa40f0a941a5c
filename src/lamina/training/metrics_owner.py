"""Metrics of a model: those of `compile`, of the model and of its layers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lamina import metrics as metrics_module
from lamina.layers import Layer
from lamina.layers.base.call_graph import GraphOwner
from lamina.metrics.base import result_of
from lamina.training.plan import CompileArgs, Plan, flatten_by_names


class MetricsOwner(GraphOwner, Layer):
    """Base of `ModelSteps` with the metrics of a model."""

    _compiled: CompileArgs | None = None
    _plan: Plan | None = None
    _loss_tracker: Any = None
    unsaved = (*Layer.unsaved, "_plan", "_loss_tracker")

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Update the metrics with one batch; returns their results."""
        if self._plan is not None:
            names = self._plan.names
            self._plan.update(
                self._plan.labels(y),
                flatten_by_names(y_pred, names, "y_pred"),
                flatten_by_names(sample_weight, names, "sample_weight"),
            )
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return every metric's result, by name."""
        logs: dict[str, Any] = {}
        if self._compiled is not None:
            logs["loss"] = self._loss_tracker.result()
        if self._plan is not None:
            logs.update(self._plan.results())
        for metric in self._own_metrics():
            result = result_of(metric)
            logs.update(result if isinstance(result, dict) else {metric.name: result})
        return logs

    def _own_metrics(self) -> list[Any]:
        """Return metrics that are attributes of the model or of its layers."""
        compiled = {id(m) for m in self._compile_metrics()}
        found = {
            id(m): m
            for layer in self.all_layers()
            for m in layer.children()
            if isinstance(m, metrics_module.Metric) and id(m) not in compiled
        }
        return list(found.values())

    def _compile_metrics(self) -> list[Any]:
        if self._compiled is None:
            return []
        return [self._loss_tracker, *(self._plan.metrics if self._plan else [])]

    @property
    def metrics(self) -> list[Any]:
        """Mean of the loss, the metrics of `compile`, those of the model and layers."""
        return [*self._compile_metrics(), *self._own_metrics()]

    @property
    def metrics_names(self) -> list[str]:
        """Names of the values that `evaluate` returns, in its order."""
        names = ["loss"] if self._compiled is not None else []
        if self._plan is not None:
            names += [name for name, _ in self._plan.named_metrics()]
        return self._in_keras_order([*names, *(m.name for m in self._own_metrics())])

    def _in_keras_order(self, names: Iterable[str]) -> list[str]:
        """Return names of logs: those of metrics first, the rest sorted."""
        wanted = set(names)
        first = [m.name for m in self.metrics if m.name in wanted]
        return [*dict.fromkeys(first), *sorted(wanted.difference(first))]

    @property
    def metrics_variables(self) -> list[Any]:
        """Variables of all metrics."""
        return [v for m in self.metrics for v in m.variables]

    def reset_metrics(self) -> None:
        """Reset every metric."""
        for metric in self.metrics:
            metric.reset_state()
