"""Metrics computed from true and false positives and negatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lamina.config import epsilon
from lamina.core.check import Check, is_number, optional, positive_int
from lamina.core.dtypes import PolicyLike
from lamina.errors import ShapeError
from lamina.losses.base import safe_divide
from lamina.metrics.base import PairMetric, whole_number

# The score of predictions that are not in the top k, as in Keras.
_NEGATIVE_SCORE = -1e10


def _is_probability(value: object) -> bool:
    return is_number(value) and 0 <= value <= 1


def _as_list(value: float | Sequence[float]) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


thresholds_check = Check(
    "a number from 0 to 1, or a list of them",
    lambda v: min(map(_is_probability, _as_list(v)), default=False),
    (-0.1, 1.5, [0.5, 2.0], "half"),
)


class Outcomes(NamedTuple):
    """Weighted counts of the four outcomes, at each threshold."""

    true_positives: jax.Array
    false_positives: jax.Array
    true_negatives: jax.Array
    false_negatives: jax.Array


def count_outcomes(
    y_true: jax.Array,
    y_pred: jax.Array,
    weights: jax.Array,
    thresholds: np.ndarray,
    by_label: bool = False,
) -> Outcomes:
    """Count outcomes; a prediction is positive if it exceeds the threshold.

    Args:
        y_true: targets; nonzero values are positive.
        y_pred: predictions of the same shape.
        weights: weights of the same shape.
        thresholds: thresholds, in ascending order if they are evenly spaced.
        by_label: whether to count each column separately.
    """
    shape = (-1, y_pred.shape[-1] if by_label else 1)
    y_true, y_pred, weights = (x.reshape(shape) for x in (y_true, y_pred, weights))
    is_true = y_true != 0
    positive = jnp.where(is_true, weights, 0.0)
    negative = jnp.where(is_true, 0.0, weights)
    count = _count_by_bucket if is_evenly_spaced(thresholds) else _count_by_comparison
    outcomes = count(y_pred, positive, negative, thresholds)
    return outcomes if by_label else Outcomes(*(n[:, 0] for n in outcomes))


def is_evenly_spaced(thresholds: np.ndarray) -> bool:
    """Return whether thresholds divide [0, 1] evenly, within ε."""
    grid = np.linspace(0, 1, len(thresholds))
    return len(grid) > 2 and np.allclose(thresholds, grid, atol=epsilon())


def _count_by_comparison(
    y_pred: jax.Array,
    positive: jax.Array,
    negative: jax.Array,
    thresholds: np.ndarray,
) -> Outcomes:
    levels = jnp.asarray(thresholds, y_pred.dtype)[:, None, None]
    is_positive = y_pred[None] > levels  # (thresholds, samples, labels)

    def masked_sum(weights: jax.Array, mask: jax.Array) -> jax.Array:
        return jnp.sum(jnp.where(mask, weights[None], 0.0), axis=1)

    return Outcomes(
        masked_sum(positive, is_positive),
        masked_sum(negative, is_positive),
        masked_sum(negative, ~is_positive),
        masked_sum(positive, ~is_positive),
    )


def _count_by_bucket(
    y_pred: jax.Array,
    positive: jax.Array,
    negative: jax.Array,
    thresholds: np.ndarray,
) -> Outcomes:
    """Sum weights by the interval of each prediction, then accumulate from above.

    The cost is O(samples), not O(samples * thresholds).
    """
    count = len(thresholds)
    bucket = jnp.ceil(jnp.clip(y_pred, 0.0, 1.0) * (count - 1)) - 1
    if thresholds[0] < 0:
        bucket = jnp.maximum(bucket, 0)
    bucket = bucket.astype(jnp.int32)

    def sum_above(weights: jax.Array) -> jax.Array:
        sums = jax.vmap(jax.ops.segment_sum, (1, 1, None), 1)(weights, bucket, count)
        return jax.lax.cumsum(sums, axis=0, reverse=True)

    tp, fp = sum_above(positive), sum_above(negative)
    negative_total = jnp.sum(negative, axis=0, keepdims=True)
    positive_total = jnp.sum(positive, axis=0, keepdims=True)
    return Outcomes(tp, fp, negative_total - fp, positive_total - tp)


class OutcomeMetric(PairMetric):
    """Base class of the metrics computed from counted outcomes.

    Subclasses list the outcomes they count in `outcome_names`, and call
    `add_outcome_variables`.
    """

    outcome_names: ClassVar[tuple[str, ...]] = Outcomes._fields
    top_k: int | None = None
    class_id: int | None = None
    multi_label = False

    def add_outcome_variables(
        self, thresholds: Sequence[float] | np.ndarray, columns: tuple[int, ...] = ()
    ) -> None:
        """Create a variable for each outcome, with a count for each threshold."""
        self._thresholds = np.asarray(thresholds)
        for name in self.outcome_names:
            shape = (len(thresholds), *columns)
            setattr(self, name, self.add_variable(shape, name=name))

    @property
    def thresholds(self) -> list[float]:
        """Thresholds above which a prediction is positive."""
        return self._thresholds.tolist()

    def outcome_values(self) -> list[jax.Array]:
        """Return the counts of the outcomes."""
        return [getattr(self, name).value for name in self.outcome_names]

    def accumulate(
        self, y_true: jax.Array, y_pred: jax.Array, weights: jax.Array
    ) -> None:
        if self.top_k is not None:
            y_pred = _mask_below_top_k(y_pred, self.top_k)
        if self.class_id is not None:
            if y_pred.ndim == 1:
                raise ShapeError(
                    f"{type(self).__name__}: `class_id` needs predictions of shape "
                    f"(rows, classes). Received shape {y_pred.shape}."
                )
            y_true, y_pred, weights = (
                x[..., self.class_id, None] for x in (y_true, y_pred, weights)
            )
        outcomes = count_outcomes(
            y_true, y_pred, weights, self._thresholds, self.multi_label
        )
        for name in self.outcome_names:
            getattr(self, name).assign_add(getattr(outcomes, name))

    def _squeeze_single_threshold(self, values: jax.Array) -> jax.Array:
        return values[0] if len(self._thresholds) == 1 else values


def _mask_below_top_k(y_pred: jax.Array, k: int) -> jax.Array:
    _, indices = jax.lax.top_k(y_pred, k)
    is_top = jax.nn.one_hot(indices, y_pred.shape[-1], dtype=jnp.bool_).any(axis=-2)
    return jnp.where(is_top, y_pred, _NEGATIVE_SCORE)


class _Count(OutcomeMetric):
    """Base class of the metrics that count one outcome."""

    arguments = {"thresholds": optional(thresholds_check)}

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        name: str | None = None,
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(dtype, name)
        self.add_outcome_variables(_as_list(0.5 if thresholds is None else thresholds))

    def result(self) -> jax.Array:
        """Return the count, at each threshold if there are several."""
        return self._squeeze_single_threshold(self.outcome_values()[0])


class TruePositives(_Count):
    """Number of true positives.

    Args:
        thresholds: predictions above it are positive; a number or a list,
            ½ when `None`.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> float(TruePositives()([0, 1, 1, 1], [0.9, 0.2, 0.8, 0.7]))
        2.0
    """

    outcome_names = ("true_positives",)


class FalsePositives(_Count):
    """Number of false positives.

    Args:
        thresholds: see `TruePositives`.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> float(FalsePositives()([0, 1, 1, 1], [0.9, 0.2, 0.8, 0.7]))
        1.0
    """

    outcome_names = ("false_positives",)


class TrueNegatives(_Count):
    """Number of true negatives.

    Args:
        thresholds: see `TruePositives`.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> float(TrueNegatives()([0, 0, 1, 1], [0.9, 0.2, 0.8, 0.7]))
        1.0
    """

    outcome_names = ("true_negatives",)


class FalseNegatives(_Count):
    """Number of false negatives.

    Args:
        thresholds: see `TruePositives`.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> float(FalseNegatives()([0, 1, 1, 1], [0.9, 0.2, 0.8, 0.7]))
        1.0
    """

    outcome_names = ("false_negatives",)


class _Rate(OutcomeMetric):
    """Base class of the ratios of true positives to them and one other outcome."""

    arguments = {
        "thresholds": optional(thresholds_check),
        "top_k": optional(positive_int),
        "class_id": optional(whole_number),
    }

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(dtype, name)
        self.top_k, self.class_id = top_k, class_id
        default = 0.5 if top_k is None else _NEGATIVE_SCORE
        self.add_outcome_variables(
            _as_list(default if thresholds is None else thresholds)
        )

    def result(self) -> jax.Array:
        """Return the ratio, at each threshold if there are several."""
        tp, other = self.outcome_values()
        return self._squeeze_single_threshold(safe_divide(tp, tp + other))


class Precision(_Rate):
    """Precision: TP / (TP + FP).

    Args:
        thresholds: predictions above it are positive; a number or a list,
            ½ when `None`.
        top_k: number of largest predictions of each row that are positive instead.
        class_id: index of the only class to evaluate.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> round(float(Precision()([0, 1, 1, 1], [0.9, 0.2, 0.8, 0.7])), 4)
        0.6667
    """

    outcome_names = ("true_positives", "false_positives")


class Recall(_Rate):
    """Recall: TP / (TP + FN).

    Args:
        thresholds: predictions above it are positive; a number or a list,
            ½ when `None`.
        top_k: number of largest predictions of each row that are positive instead.
        class_id: index of the only class to evaluate.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> round(float(Recall()([0, 1, 1, 1], [0.9, 0.2, 0.8, 0.7])), 4)
        0.6667
    """

    outcome_names = ("true_positives", "false_negatives")
