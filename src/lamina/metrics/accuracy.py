"""The share of right predictions."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from lamina.config import floatx
from lamina.core.check import Check, boolean, positive_int
from lamina.core.graph import op
from lamina.losses.base import as_float, match_ranks, shape_mismatch_error
from lamina.losses.crossentropy import class_indices
from lamina.metrics.reduction import FunctionMetric, MeanMetricWrapper

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]


def _matched(owner: str, y_true: Any, y_pred: Any) -> tuple[jax.Array, jax.Array]:
    """Two arrays of one shape, each in its own type."""
    truth, prediction = match_ranks(jnp.asarray(y_true), jnp.asarray(y_pred))
    if truth.shape != prediction.shape:
        raise shape_mismatch_error(owner, np.shape(y_true), jnp.shape(y_pred))
    return truth, prediction


def accuracy(y_true: Any, y_pred: Any) -> jax.Array:
    """1 where prediction equals truth, else 0."""
    y_true, y_pred = _matched("accuracy", y_true, y_pred)
    return (y_true.astype(y_pred.dtype) == y_pred).astype(floatx())


@op
def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> jax.Array:
    """1 where `y_pred > threshold` agrees with truth, else 0.

    Args:
        y_true: 0 or 1.
        y_pred: chances of 1.
        threshold: what a chance must exceed to mean 1.

    Example:
        >>> binary_accuracy([1, 0, 1], [0.9, 0.2, 0.3]).tolist()
        [1.0, 1.0, 0.0]
    """
    y_true, y_pred = _matched("binary_accuracy", y_true, y_pred)
    said = (y_pred > threshold).astype(y_true.dtype)
    return (y_true == said).astype(floatx())


@op
def categorical_accuracy(y_true: Any, y_pred: Any) -> jax.Array:
    """1 where the largest prediction is at the largest target, else 0.

    Args:
        y_true: one-hot classes.
        y_pred: a score for each class.

    Example:
        >>> categorical_accuracy([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]]).tolist()
        [1.0, 0.0]
    """
    y_true, y_pred = _matched("categorical_accuracy", y_true, y_pred)
    right = jnp.argmax(y_true, axis=-1) == jnp.argmax(y_pred, axis=-1)
    return right.astype(floatx())


@op
def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> jax.Array:
    """1 where the largest prediction is at the class of that number, else 0.

    Args:
        y_true: class numbers.
        y_pred: a score for each class.

    Example:
        >>> sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.3, 0.7]]).tolist()
        [1.0, 0.0]
    """
    y_pred = jnp.asarray(y_pred)
    labels = class_indices("sparse_categorical_accuracy", y_true, y_pred, -1)
    return (labels == jnp.argmax(y_pred, axis=-1)).astype(floatx())


@op
def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> jax.Array:
    """1 where fewer than `k` predictions exceed that of the target, else 0.

    Args:
        y_true: one-hot classes.
        y_pred: a score for each class.
        k: how many guesses count.

    Example:
        >>> scores = [[0.5, 0.4, 0.1], [0.5, 0.4, 0.1]]
        >>> top_k_categorical_accuracy([[0, 1, 0], [0, 0, 1]], scores, k=2).tolist()
        [1.0, 0.0]
    """
    y_true, y_pred = _matched("top_k_categorical_accuracy", y_true, y_pred)
    return _in_top(jnp.argmax(y_true, axis=-1), as_float(y_pred), k)


@op
def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> jax.Array:
    """1 where fewer than `k` predictions exceed that of the target, else 0.

    Args:
        y_true: class numbers.
        y_pred: a score for each class, or class numbers, best first.
        k: how many guesses count.
        from_sorted_ids: whether `y_pred` is class numbers.

    Example:
        >>> scores = [[0.5, 0.4, 0.1], [0.5, 0.4, 0.1]]
        >>> sparse_top_k_categorical_accuracy([1, 2], scores, k=2).tolist()
        [1.0, 0.0]
    """
    owner = "sparse_top_k_categorical_accuracy"
    y_pred = jnp.asarray(y_pred)
    labels = class_indices(owner, y_true, y_pred, -1)
    if from_sorted_ids:
        guesses = y_pred[..., :k].astype(jnp.int32)
        found = jnp.any(labels[..., None] == guesses, axis=-1).astype(floatx())
    else:
        found = _in_top(labels, as_float(y_pred), k)
    return found.reshape(np.shape(y_true))


def _in_top(labels: jax.Array, y_pred: jax.Array, k: int) -> jax.Array:
    own = jnp.take_along_axis(y_pred, labels[..., None], axis=-1)
    # A class that doesn't exist, or whose score is not a number, is never found.
    own = jnp.where(jnp.isnan(own), -jnp.inf, own)
    ahead = jnp.sum(y_pred > own, axis=-1)
    return (ahead < k).astype(floatx())


class Accuracy(FunctionMetric):
    """How often prediction equals truth.

    Example:
        >>> float(Accuracy()([1, 2, 3, 4], [1, 2, 0, 4]))
        0.75
    """

    function = staticmethod(accuracy)


class CategoricalAccuracy(FunctionMetric):
    """How often the most likely class is the right one, with one-hot targets.

    Example:
        >>> float(CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]]))
        0.5
    """

    function = staticmethod(categorical_accuracy)


class SparseCategoricalAccuracy(FunctionMetric):
    """How often the most likely class is the right one, with class numbers.

    Example:
        >>> float(SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.3, 0.7]]))
        0.5
    """

    function = staticmethod(sparse_categorical_accuracy)


class BinaryAccuracy(MeanMetricWrapper):
    """How often a chance lies on the right side of a threshold.

    Args:
        name: see `Metric`.
        dtype: see `Metric`.
        threshold: what a chance must exceed to mean 1.

    Example:
        >>> float(BinaryAccuracy()([1, 0, 1, 1], [0.9, 0.2, 0.3, 0.6]))
        0.75
    """

    def __init__(
        self,
        name: str | None = "binary_accuracy",
        dtype: Any = None,
        threshold: float = 0.5,
    ) -> None:
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)
        self.threshold = threshold


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the right class is among the `k` most likely, with one-hot targets.

    Args:
        k: how many guesses count.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> metric = TopKCategoricalAccuracy(k=2)
        >>> float(metric([[0, 1, 0], [0, 0, 1]], [[0.5, 0.4, 0.1], [0.5, 0.4, 0.1]]))
        0.5
    """

    arguments: ClassVar[dict[str, Check]] = {"k": positive_int}

    def __init__(
        self,
        k: int = 5,
        name: str | None = "top_k_categorical_accuracy",
        dtype: Any = None,
    ) -> None:
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)
        self.k = k


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the right class is among the `k` most likely, with class numbers.

    Args:
        k: how many guesses count.
        name: see `Metric`.
        dtype: see `Metric`.
        from_sorted_ids: whether predictions are class numbers, best first.

    Example:
        >>> metric = SparseTopKCategoricalAccuracy(k=2)
        >>> float(metric([1, 2], [[0.5, 0.4, 0.1], [0.5, 0.4, 0.1]]))
        0.5
    """

    arguments: ClassVar[dict[str, Check]] = {
        "k": positive_int,
        "from_sorted_ids": boolean,
    }
    unwritten: ClassVar[tuple[str, ...]] = ("from_sorted_ids",)

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(
            sparse_top_k_categorical_accuracy,
            name,
            dtype,
            k=k,
            from_sorted_ids=from_sorted_ids,
        )
        self.k, self.from_sorted_ids = k, from_sorted_ids
