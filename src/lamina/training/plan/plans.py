"""`Plans`: the losses and metrics of a model, made when its outputs are known."""

from __future__ import annotations

import jax

from lamina.core.module import Module
from lamina.metrics.base import Metric
from lamina.training.plan.arguments import CompileArgs
from lamina.training.plan.outputs import Outputs
from lamina.training.plan.plan import Plan
from lamina.typing import PyTree


class Plans:
    """Losses and metrics of a compiled model, for the first labels and outputs.

    Args:
        model: the model.
        arguments: the arguments of `compile`.
        is_split: whether losses and metrics have a plan each, because a user's
            `compute_loss` may pass on other labels and outputs than those of the
            metrics.
    """

    def __init__(self, model: Module, arguments: CompileArgs, is_split: bool) -> None:
        self._model, self._arguments, self.is_split = model, arguments, is_split
        self._made: dict[bool, Plan] = {}  # by whether a plan is that of the metrics

    @property
    def of_data(self) -> Plan | None:
        """The plan whose labels are those of the data, if it is known."""
        return None if self.is_split else self._made.get(False)

    def made(self) -> list[Plan]:
        """Return the plans that are made, that of the losses first."""
        return [plan for _, plan in sorted(self._made.items())]

    def named_metrics(self) -> list[tuple[str, Metric]]:
        """Return the metrics with their names in logs."""
        if not self._made:  # before the model is built for data
            return [(m.name, m) for m in self._arguments.metric_objects()]
        return [pair for plan in self.made() for pair in plan.named_metrics()]

    def find(self, y: PyTree, y_pred: PyTree, for_metrics: bool = False) -> Plan | None:
        """Return the plan for labels and outputs, which the first ones determine.

        A user's own loop may compute losses of a model that was never built for data.

        Args:
            y: labels.
            y_pred: outputs.
            for_metrics: whether the metrics are needed, not the losses.

        Returns:
            The plan; `None` without labels, or without losses and metrics.

        Raises:
            ArgumentError: the losses or metrics do not match the outputs.
            DataError: the labels do not match the outputs.
        """
        key = self.is_split and for_metrics
        if key in self._made or y is None:
            return self._made.get(key)
        arguments = self._arguments
        if self.is_split:
            arguments = arguments.of_metrics() if for_metrics else arguments.of_losses()
        if arguments.is_empty:
            return None
        outputs = Outputs.of(self._model, y_pred)
        pred = outputs.flatten(y_pred, "y_pred")
        true = outputs.flatten(y, "y", arguments.used(outputs))
        # Metrics have variables, which must outlive a program that is traced.
        with jax.ensure_compile_time_eval():
            self._made[key] = Plan(arguments, outputs, true, pred)
        return self._made[key]
