"""Counts of right and wrong decisions, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lamina.config import epsilon
from lamina.core.check import Check, is_number, optional, positive_int
from lamina.errors import ShapeError
from lamina.losses.base import broadcast_weights, match_shapes, safe_divide
from lamina.metrics.base import Metric, whole_number

__all__ = [
    "FalseNegatives",
    "FalsePositives",
    "Precision",
    "Recall",
    "TrueNegatives",
    "TruePositives",
]

# What `top_k` gives to the classes that are not among the best.
_NEVER = -1e10


def _is_share(value: Any) -> bool:
    return is_number(value) and 0 <= value <= 1


thresholds_check = Check(
    "a number from 0 to 1, or a list of them",
    lambda v: (
        _is_share(v)
        or (isinstance(v, (list, tuple)) and len(v) > 0 and all(map(_is_share, v)))
    ),
    (-0.1, 1.5, [0.5, 2.0], "half"),
)


class Outcomes(NamedTuple):
    """Weighted numbers of the four outcomes, at each threshold."""

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
        y_true: positive where it is not 0.
        y_pred: predictions of the same shape.
        weights: of the same shape.
        thresholds: in rising order if they are evenly spaced from 0 to 1.
        by_label: whether to keep the columns apart.
    """
    columns = (-1, y_pred.shape[-1] if by_label else 1)
    y_true, y_pred, weights = (x.reshape(columns) for x in (y_true, y_pred, weights))
    present = y_true != 0
    positive = jnp.where(present, weights, 0.0)
    negative = jnp.where(present, 0.0, weights)
    count = _by_bucket if is_even(thresholds) else _by_comparison
    outcomes = count(y_pred, positive, negative, thresholds)
    return outcomes if by_label else Outcomes(*(n[:, 0] for n in outcomes))


def is_even(thresholds: np.ndarray) -> bool:
    """Whether thresholds divide 0 to 1 evenly, give or take ε at the ends."""
    even = np.linspace(0, 1, len(thresholds))
    return len(even) > 2 and np.allclose(thresholds, even, atol=epsilon())


def _by_comparison(
    y_pred: jax.Array,
    positive: jax.Array,
    negative: jax.Array,
    thresholds: np.ndarray,
) -> Outcomes:
    levels = jnp.asarray(thresholds, y_pred.dtype)[:, None, None]
    said = y_pred[None] > levels  # (thresholds, samples, labels)

    def tally(weights: jax.Array, chosen: jax.Array) -> jax.Array:
        return jnp.sum(jnp.where(chosen, weights[None], 0.0), axis=1)

    return Outcomes(
        tally(positive, said),
        tally(negative, said),
        tally(negative, ~said),
        tally(positive, ~said),
    )


def _by_bucket(
    y_pred: jax.Array,
    positive: jax.Array,
    negative: jax.Array,
    thresholds: np.ndarray,
) -> Outcomes:
    """Count into the interval each prediction falls in, then sum from above.

    That costs one step for each sample, not one for each sample and threshold.
    """
    number = len(thresholds)
    bucket = jnp.ceil(jnp.clip(y_pred, 0.0, 1.0) * (number - 1)) - 1
    if thresholds[0] < 0:
        bucket = jnp.maximum(bucket, 0)
    bucket = bucket.astype(jnp.int32)

    def above(weights: jax.Array) -> jax.Array:
        sums = jax.vmap(jax.ops.segment_sum, (1, 1, None), 1)(weights, bucket, number)
        return jax.lax.cumsum(sums, axis=0, reverse=True)

    true, false = above(positive), above(negative)
    all_negative = jnp.sum(negative, axis=0, keepdims=True)
    all_positive = jnp.sum(positive, axis=0, keepdims=True)
    return Outcomes(true, false, all_negative - false, all_positive - true)


class OutcomeMetric(Metric):
    """Base of the metrics made of counted outcomes.

    Subclasses list in `kept` the outcomes they keep, and call `keep`.

    Args:
        name: see `Metric`.
        dtype: see `Metric`.
    """

    kept: ClassVar[tuple[str, ...]] = Outcomes._fields
    top_k: int | None = None
    class_id: int | None = None

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(dtype, name)

    def keep(
        self, thresholds: Sequence[float] | np.ndarray, columns: tuple[int, ...] = ()
    ) -> None:
        """Make a variable for each kept outcome, at each threshold."""
        self._thresholds = np.asarray(thresholds)
        for name in self.kept:
            shape = (len(thresholds), *columns)
            setattr(self, name, self.add_variable(shape, name=name))

    @property
    def thresholds(self) -> list[float]:
        """What a prediction must exceed to count as positive."""
        return self._thresholds.tolist()

    def kept_values(self) -> list[jax.Array]:
        """The kept outcomes so far."""
        return [getattr(self, name).value for name in self.kept]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch."""
        y_pred = jnp.asarray(y_pred, self.dtype)
        y_true, y_pred = match_shapes(type(self).__name__, y_true, y_pred)
        weights = jnp.asarray(1 if sample_weight is None else sample_weight, self.dtype)
        self.count(y_true, y_pred, broadcast_weights(weights, y_pred.shape))

    def count(self, y_true: jax.Array, y_pred: jax.Array, weights: jax.Array) -> None:
        """Add the outcomes of a batch; all three are of one shape."""
        if self.top_k is not None:
            y_pred = _keep_top(y_pred, self.top_k)
        if self.class_id is not None:
            if y_pred.ndim == 1:
                raise ShapeError(
                    f"{type(self).__name__}: `class_id` needs predictions of shape "
                    f"(rows, classes). Received shape {y_pred.shape}."
                )
            y_true, y_pred, weights = (
                x[..., self.class_id, None] for x in (y_true, y_pred, weights)
            )
        self.add(count_outcomes(y_true, y_pred, weights, self._thresholds))

    def add(self, outcomes: Outcomes) -> None:
        """Add counted outcomes to the kept ones."""
        for name in self.kept:
            getattr(self, name).assign_add(getattr(outcomes, name))

    def _one_or_each(self, values: jax.Array) -> jax.Array:
        return values[0] if len(self._thresholds) == 1 else values


def _keep_top(y_pred: jax.Array, k: int) -> jax.Array:
    _, best = jax.lax.top_k(y_pred, k)
    chosen = jax.nn.one_hot(best, y_pred.shape[-1], dtype=jnp.bool_).any(axis=-2)
    return jnp.where(chosen, y_pred, _NEVER)


def _listed(thresholds: Any, default: float) -> list[float]:
    if thresholds is None:
        return [default]
    return list(thresholds) if isinstance(thresholds, (list, tuple)) else [thresholds]


class _Count(OutcomeMetric):
    """The number of one outcome."""

    arguments: ClassVar[dict[str, Check]] = {"thresholds": optional(thresholds_check)}

    def __init__(
        self, thresholds: Any = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(name, dtype)
        self.keep(_listed(thresholds, 0.5))

    def result(self) -> jax.Array:
        """The number so far, at each threshold if there are several."""
        return self._one_or_each(self.kept_values()[0])


class TruePositives(_Count):
    """The number of positives that were found.

    Args:
        thresholds: what a prediction must exceed to be positive, a number or a list;
            ½ when `None`.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> float(TruePositives()([0, 1, 1, 1], [0.9, 0.2, 0.8, 0.7]))
        2.0
    """

    kept = ("true_positives",)


class FalsePositives(_Count):
    """The number of negatives that were taken for positives.

    Args:
        thresholds: see `TruePositives`.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> float(FalsePositives()([0, 1, 1, 1], [0.9, 0.2, 0.8, 0.7]))
        1.0
    """

    kept = ("false_positives",)


class TrueNegatives(_Count):
    """The number of negatives that were recognised.

    Args:
        thresholds: see `TruePositives`.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> float(TrueNegatives()([0, 0, 1, 1], [0.9, 0.2, 0.8, 0.7]))
        1.0
    """

    kept = ("true_negatives",)


class FalseNegatives(_Count):
    """The number of positives that were missed.

    Args:
        thresholds: see `TruePositives`.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> float(FalseNegatives()([0, 1, 1, 1], [0.9, 0.2, 0.8, 0.7]))
        1.0
    """

    kept = ("false_negatives",)


class _Rate(OutcomeMetric):
    """True positives as a share of them and one other outcome."""

    arguments: ClassVar[dict[str, Check]] = {
        "thresholds": optional(thresholds_check),
        "top_k": optional(positive_int),
        "class_id": optional(whole_number),
    }

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, dtype)
        self.top_k, self.class_id = top_k, class_id
        self.keep(_listed(thresholds, 0.5 if top_k is None else _NEVER))

    def result(self) -> jax.Array:
        """The share so far, at each threshold if there are several."""
        found, others = self.kept_values()
        return self._one_or_each(safe_divide(found, found + others))


class Precision(_Rate):
    """TP / (TP + FP): how many of those called positive are.

    Args:
        thresholds: what a prediction must exceed to be positive, a number or a list;
            ½ when `None`.
        top_k: call the `k` largest predictions of each row positive instead.
        class_id: the only class to look at.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> round(float(Precision()([0, 1, 1, 1], [0.9, 0.2, 0.8, 0.7])), 4)
        0.6667
    """

    kept = ("true_positives", "false_positives")


class Recall(_Rate):
    """TP / (TP + FN): how many of the positives are found.

    Args:
        thresholds: what a prediction must exceed to be positive, a number or a list;
            ½ when `None`.
        top_k: call the `k` largest predictions of each row positive instead.
        class_id: the only class to look at.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> round(float(Recall()([0, 1, 1, 1], [0.9, 0.2, 0.8, 0.7])), 4)
        0.6667
    """

    kept = ("true_positives", "false_negatives")
