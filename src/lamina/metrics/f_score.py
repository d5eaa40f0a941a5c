"""F-scores."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lamina.config import epsilon
from lamina.core.check import Check, is_number, one_of, optional, positive_number
from lamina.core.dtypes import PolicyLike
from lamina.errors import ShapeError
from lamina.metrics.base import PairMetric


class FBetaScore(PairMetric):
    """F-beta score: (1 + β²)·precision·recall / (β²·precision + recall).

    Args:
        average: `None` for the score of each class, `"macro"` for their mean,
            `"weighted"` for their mean weighted by the number of positives,
            `"micro"` for the score of all classes counted together.
        beta: weight of recall relative to precision.
        threshold: predictions above it are positive; `None` for the largest
            prediction of each row.
        name: see `Metric`.
        dtype: see `Metric`.

    Raises:
        ShapeError: predictions do not have shape (rows, classes).

    Example:
        >>> metric = FBetaScore(beta=2.0, threshold=0.5)
        >>> y_true = [[1, 1, 1], [1, 0, 0], [1, 1, 0]]
        >>> y_pred = [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]]
        >>> [round(score, 4) for score in metric(y_true, y_pred).tolist()]
        [0.3846, 0.9091, 0.8333]
    """

    arguments = {
        "average": optional(one_of("micro", "macro", "weighted")),
        "beta": positive_number,
        "threshold": Check(
            "a number above 0 and up to 1, or None",
            lambda v: v is None or (is_number(v) and 0 < v <= 1),
            (0.0, 1.5, "half"),
        ),
    }

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(dtype, name)
        self.average = average and average.lower()
        self.beta, self.threshold = beta, threshold
        self.axis = None if self.average == "micro" else 0

    def create_variables(self, shape: tuple[int, ...]) -> None:
        """Create the counts, for each class unless `average` is `"micro"`."""
        if len(shape) != 2:
            raise ShapeError(
                f"{type(self).__name__} needs predictions of shape (rows, classes), or "
                f"(rows, 1) for two classes. Received shape {shape}."
            )
        columns = () if self.average == "micro" else shape[1:]
        self.true_positives = self.add_variable(columns, name="true_positives")
        self.false_positives = self.add_variable(columns, name="false_positives")
        self.false_negatives = self.add_variable(columns, name="false_negatives")
        self.intermediate_weights = self.add_variable(
            columns, name="intermediate_weights"
        )

    def accumulate(
        self, y_true: jax.Array, y_pred: jax.Array, weights: jax.Array
    ) -> None:
        if self.threshold is None:
            largest = jnp.max(y_pred, axis=-1, keepdims=True)
            is_positive = (y_pred >= largest) & (jnp.abs(y_pred) > 1e-9)
        else:
            is_positive = y_pred > self.threshold
        is_positive = is_positive.astype(self.dtype)
        for variable, outcome in (
            (self.true_positives, is_positive * y_true),
            (self.false_positives, is_positive * (1 - y_true)),
            (self.false_negatives, (1 - is_positive) * y_true),
            (self.intermediate_weights, y_true),
        ):
            variable.assign_add(jnp.sum(outcome * weights, axis=self.axis))

    def result(self) -> jax.Array:
        """Return the score, of each class unless averaged."""
        tp = self.true_positives.value
        precision = tp / (tp + self.false_positives.value + epsilon())
        recall = tp / (tp + self.false_negatives.value + epsilon())
        square = self.beta**2
        scores = precision * recall / (square * precision + recall + epsilon())
        scores = scores * (1 + square)
        if self.average == "weighted":
            weights = self.intermediate_weights.value
            return jnp.sum(scores * (weights / (jnp.sum(weights) + epsilon())))
        return scores if self.average is None else jnp.mean(scores)


class F1Score(FBetaScore):
    """F1 score: 2·precision·recall / (precision + recall).

    Args:
        average: see `FBetaScore`.
        threshold: see `FBetaScore`.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> metric = F1Score(average="macro", threshold=0.5)
        >>> round(float(metric([[1, 0], [1, 1]], [[0.9, 0.8], [0.1, 0.7]])), 4)
        0.6667
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
