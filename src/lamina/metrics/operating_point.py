"""Metrics at an operating point: the best rate subject to a minimum of another."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.check import between, integer, optional
from lamina.core.dtypes import PolicyLike
from lamina.losses.base import safe_divide
from lamina.metrics.base import whole_number
from lamina.metrics.confusion import OutcomeMetric


class _OperatingPoint(OutcomeMetric):
    """Base class of the metrics at an operating point."""

    objective: ClassVar[str]
    constraint: ClassVar[str]
    arguments = {
        "num_thresholds": integer(1, 10**6),
        "class_id": optional(whole_number),
        **dict.fromkeys(
            ("specificity", "sensitivity", "recall", "precision"), between(0, 1)
        ),
    }

    def __init__(
        self,
        minimum: float,
        num_thresholds: int,
        class_id: int | None,
        name: str | None,
        dtype: PolicyLike,
    ) -> None:
        super().__init__(dtype, name)
        self.minimum, self.class_id = minimum, class_id
        self.num_thresholds = num_thresholds
        self.add_outcome_variables(
            [0.5] if num_thresholds == 1 else np.linspace(0, 1, num_thresholds)
        )

    def result(self) -> jax.Array:
        """Return the largest objective among thresholds that satisfy the constraint."""
        tp, fp, tn, fn = self.outcome_values()
        rates = {
            "recall": safe_divide(tp, tp + fn),
            "specificity": safe_divide(tn, tn + fp),
            "precision": safe_divide(tp, tp + fp),
        }
        is_feasible = rates[self.constraint] >= self.minimum
        return jnp.max(jnp.where(is_feasible, rates[self.objective], 0.0))


class SensitivityAtSpecificity(_OperatingPoint):
    """Best sensitivity TP / (TP + FN) at a minimum specificity TN / (TN + FP).

    Args:
        specificity: required minimum, from 0 to 1.
        num_thresholds: number of evenly spaced thresholds.
        class_id: index of the only class to evaluate.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> metric = SensitivityAtSpecificity(0.5)
        >>> float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
        0.5
    """

    objective, constraint = "recall", "specificity"

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity


class SpecificityAtSensitivity(_OperatingPoint):
    """Best specificity TN / (TN + FP) at a minimum sensitivity TP / (TP + FN).

    Args:
        sensitivity: required minimum, from 0 to 1.
        num_thresholds: number of evenly spaced thresholds.
        class_id: index of the only class to evaluate.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> metric = SpecificityAtSensitivity(0.5)
        >>> round(float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])), 4)
        0.6667
    """

    objective, constraint = "specificity", "recall"

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity


class PrecisionAtRecall(_OperatingPoint):
    """Best precision TP / (TP + FP) at a minimum recall TP / (TP + FN).

    Args:
        recall: required minimum, from 0 to 1.
        num_thresholds: number of evenly spaced thresholds.
        class_id: index of the only class to evaluate.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> metric = PrecisionAtRecall(0.5)
        >>> float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
        0.5
    """

    objective, constraint = "precision", "recall"

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)
        self.recall = recall


class RecallAtPrecision(_OperatingPoint):
    """Best recall TP / (TP + FN) at a minimum precision TP / (TP + FP).

    Args:
        precision: required minimum, from 0 to 1.
        num_thresholds: number of evenly spaced thresholds.
        class_id: index of the only class to evaluate.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> metric = RecallAtPrecision(0.8)
        >>> float(metric([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
        0.5
    """

    objective, constraint = "recall", "precision"

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)
        self.precision = precision
