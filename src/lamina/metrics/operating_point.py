"""The best of one rate where another one is held."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.check import Check, between, integer, optional
from lamina.losses.base import safe_divide
from lamina.metrics.base import whole_number
from lamina.metrics.confusion import OutcomeMetric

__all__ = [
    "PrecisionAtRecall",
    "RecallAtPrecision",
    "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
]


class _BestAt(OutcomeMetric):
    """The best of one rate at the thresholds where another one is high enough."""

    arguments: ClassVar[dict[str, Check]] = {
        "num_thresholds": integer(1, 10**6),
        "class_id": optional(whole_number),
        **dict.fromkeys(
            ("specificity", "sensitivity", "recall", "precision"), between(0, 1)
        ),
    }

    def __init__(
        self,
        least: float,
        num_thresholds: int,
        class_id: int | None,
        name: str | None,
        dtype: Any,
    ) -> None:
        super().__init__(name, dtype)
        self.least, self.class_id = least, class_id
        self.num_thresholds = num_thresholds
        self.keep([0.5] if num_thresholds == 1 else np.linspace(0, 1, num_thresholds))

    def rates(self) -> dict[str, jax.Array]:
        """Recall, specificity and precision at each threshold."""
        tp, fp, tn, fn = self.kept_values()
        return {
            "recall": safe_divide(tp, tp + fn),
            "specificity": safe_divide(tn, tn + fp),
            "precision": safe_divide(tp, tp + fp),
        }

    def best(self, wanted: str, held: str) -> jax.Array:
        """The largest `wanted` where `held` is at least what was asked for."""
        rates = self.rates()
        return jnp.max(jnp.where(rates[held] >= self.least, rates[wanted], 0.0))


class SensitivityAtSpecificity(_BestAt):
    """The best sensitivity TP / (TP + FN) at a given specificity TN / (TN + FP).

    Args:
        specificity: what to hold, from 0 to 1.
        num_thresholds: how many thresholds to try.
        class_id: the only class to look at.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> metric = SensitivityAtSpecificity(0.5)
        >>> float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
        0.5
    """

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity

    def result(self) -> jax.Array:
        """The best sensitivity so far."""
        return self.best("recall", "specificity")


class SpecificityAtSensitivity(_BestAt):
    """The best specificity TN / (TN + FP) at a given sensitivity TP / (TP + FN).

    Args:
        sensitivity: what to hold, from 0 to 1.
        num_thresholds: how many thresholds to try.
        class_id: the only class to look at.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> metric = SpecificityAtSensitivity(0.5)
        >>> round(float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8])), 4)
        0.6667
    """

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity

    def result(self) -> jax.Array:
        """The best specificity so far."""
        return self.best("specificity", "recall")


class PrecisionAtRecall(_BestAt):
    """The best precision TP / (TP + FP) at a given recall TP / (TP + FN).

    Args:
        recall: what to hold, from 0 to 1.
        num_thresholds: how many thresholds to try.
        class_id: the only class to look at.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> metric = PrecisionAtRecall(0.5)
        >>> float(metric([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
        0.5
    """

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)
        self.recall = recall

    def result(self) -> jax.Array:
        """The best precision so far."""
        return self.best("precision", "recall")


class RecallAtPrecision(_BestAt):
    """The best recall TP / (TP + FN) at a given precision TP / (TP + FP).

    Args:
        precision: what to hold, from 0 to 1.
        num_thresholds: how many thresholds to try.
        class_id: the only class to look at.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> metric = RecallAtPrecision(0.8)
        >>> float(metric([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
        0.5
    """

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)
        self.precision = precision

    def result(self) -> jax.Array:
        """The best recall so far."""
        return self.best("recall", "precision")
