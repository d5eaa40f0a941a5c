"""Area under the ROC and precision-recall curves."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lamina.config import epsilon
from lamina.core.check import boolean, integer, one_of, optional, positive_int
from lamina.core.dtypes import PolicyLike
from lamina.errors import ArgumentError, ShapeError
from lamina.losses.base import safe_divide
from lamina.metrics.confusion import OutcomeMetric, thresholds_check


class AUC(OutcomeMetric):
    """Area under the ROC or precision-recall curve, approximated by a Riemann sum.

    Args:
        num_thresholds: number of thresholds that discretize the curve, at least 2.
        curve: `"ROC"` (recall over false positive rate), `"PR"` (precision over
            recall) or `"PRGAIN"` (their gains over predicting only positives).
        summation_method: `"interpolation"` (trapezoids; for PR the interpolation of
            Davis and Goadrich), `"minoring"` or `"majoring"` (the lower or the higher
            of two points).
        name: see `Metric`.
        dtype: see `Metric`.
        thresholds: thresholds between 0 and 1, instead of evenly spaced ones.
        multi_label: whether to compute a curve for each column, and to average the
            areas.
        num_labels: the number of columns, if `multi_label`; inferred from the first
            batch when `None`.
        label_weights: a weight for each column.
        from_logits: whether predictions are logits.

    Raises:
        ArgumentError: `num_labels` without `multi_label`.
        ShapeError: `multi_label` with predictions of another shape than
            (rows, labels).

    Example:
        >>> metric = AUC(num_thresholds=3)
        >>> float(metric([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
        0.75

    Reference: Davis & Goadrich 2006, https://doi.org/10.1145/1143844.1143874;
    Flach & Kull 2015, https://papers.nips.cc/paper/5867
    """

    arguments = {
        "num_thresholds": integer(2, 10**6),
        "curve": one_of("roc", "pr", "prgain"),
        "summation_method": one_of("interpolation", "minoring", "majoring"),
        "thresholds": optional(thresholds_check),
        "multi_label": boolean,
        "num_labels": optional(positive_int),
        "from_logits": boolean,
    }
    unwritten = ("thresholds",)

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: PolicyLike = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        if num_labels and not multi_label:
            raise ArgumentError(
                "AUC: `num_labels` requires `multi_label=True`. Received: "
                f"num_labels={num_labels}, multi_label={multi_label}."
            )
        self.curve = curve.upper()
        self.summation_method = summation_method.lower()
        self.multi_label, self.from_logits = multi_label, from_logits
        self.label_weights = None if label_weights is None else np.array(label_weights)
        if thresholds is None:
            inner = np.linspace(0, 1, num_thresholds)[1:-1]
        else:
            inner = np.sort(np.asarray(thresholds, float))
        # The end points lie outside [0, 1], to include predictions of 0 and 1.
        self._thresholds = np.array([-epsilon(), *inner, 1 + epsilon()])
        self.num_thresholds = len(self._thresholds)
        if not multi_label:
            self.add_outcome_variables(self._thresholds)
        elif num_labels:
            self.build((), (1, num_labels))

    def create_variables(self, shape: tuple[int, ...]) -> None:
        """Create the counts of each column if `multi_label`."""
        if not self.multi_label:
            return
        if len(shape) != 2:
            raise ShapeError(
                "AUC: with multi_label=True predictions must have shape (rows, "
                f"labels). Received shape {shape}."
            )
        self.add_outcome_variables(self._thresholds, shape[1:])

    def accumulate(
        self, y_true: jax.Array, y_pred: jax.Array, weights: jax.Array
    ) -> None:
        if self.from_logits:
            y_pred = jax.nn.sigmoid(y_pred)
        if self.label_weights is not None and not self.multi_label:
            label_weights = jnp.asarray(self.label_weights, self.dtype)[None]
            weights = weights * jnp.broadcast_to(label_weights, weights.shape)
        super().accumulate(y_true, y_pred, weights)

    def result(self) -> jax.Array:
        """Return the area."""
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self.interpolate_pr_auc()
        counts = self.outcome_values()
        return self._mean(self._riemann_sum(*_curve(self.curve, *counts)))

    def interpolate_pr_auc(self) -> jax.Array:
        """Return the area under the PR curve, with interpolated true positives.

        Reference: Davis & Goadrich 2006, https://www.biostat.wisc.edu/~page/rocpr.pdf
        """
        tp, fp, _, fn = self.outcome_values()
        return self._mean(_interpolated_pr_area(tp, fp, fn))

    def _mean(self, areas: jax.Array) -> jax.Array:
        """Return the mean over labels if `multi_label`, else the only area."""
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return jnp.mean(areas)
        weights = jnp.asarray(self.label_weights, areas.dtype)
        return safe_divide(jnp.sum(areas * weights), jnp.sum(weights))

    def _riemann_sum(self, x: jax.Array, y: jax.Array) -> jax.Array:
        if self.summation_method == "minoring":
            heights = jnp.minimum(y[:-1], y[1:])
        elif self.summation_method == "majoring":
            heights = jnp.maximum(y[:-1], y[1:])
        else:
            heights = (y[:-1] + y[1:]) / 2.0
        return jnp.sum((x[:-1] - x[1:]) * heights, axis=0)


def _curve(
    curve: str, tp: jax.Array, fp: jax.Array, tn: jax.Array, fn: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the x and y values of the curve at each threshold."""
    recall = safe_divide(tp, tp + fn)
    if curve == "ROC":
        return safe_divide(fp, fp + tn), recall
    if curve == "PR":
        return recall, safe_divide(tp, tp + fp)
    odds = safe_divide(tp + fn, tn + fp)
    recall_gain = jnp.where(tp == 0, 0.0, 1.0 - odds * safe_divide(fn, tp))
    precision_gain = jnp.where(tp == 0, 1.0, 1.0 - odds * safe_divide(fp, tp))
    return jnp.maximum(recall_gain, 0.0), precision_gain


def _interpolated_pr_area(tp: jax.Array, fp: jax.Array, fn: jax.Array) -> jax.Array:
    """Return the area under the PR curve, with TP interpolated linearly in P = TP + FP.

    Between two thresholds TP = slope·P + intercept, so the area under TP / P is
    slope·(ΔTP + intercept·log(P₁ / P₂)) / (TP + FN).
    """
    p = tp + fp
    first, last = p[:-1], p[1:]
    tp_difference = tp[:-1] - tp[1:]
    slope = safe_divide(tp_difference, jnp.maximum(first - last, 0.0))
    intercept = tp[1:] - slope * last
    is_positive = (first > 0) & (last > 0)
    ratio = jnp.where(is_positive, safe_divide(first, jnp.maximum(last, 0.0)), 1.0)
    areas = slope * (tp_difference + intercept * jnp.log(ratio))
    return jnp.sum(safe_divide(areas, jnp.maximum(tp[1:] + fn[1:], 0.0)), axis=0)
