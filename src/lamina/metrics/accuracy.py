"""Accuracy metrics."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from lamina.config import floatx
from lamina.core.check import boolean, positive_int
from lamina.core.dtypes import PolicyLike
from lamina.core.graph import op
from lamina.losses.base import match_sizes
from lamina.losses.crossentropy import class_indices
from lamina.metrics.reduction import FunctionMetric
from lamina.ops.numpy.reduce import argmax
from lamina.ops.types import float_array
from lamina.typing import ArrayLike


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """Return 1 where the prediction equals the target, and 0 elsewhere."""
    y_true, y_pred = match_sizes("accuracy", y_true, y_pred)
    return (y_true.astype(y_pred.dtype) == y_pred).astype(floatx())


@op
def binary_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, threshold: float = 0.5
) -> jax.Array:
    """Return 1 where `y_pred > threshold` equals the target, and 0 elsewhere.

    Args:
        y_true: 0 or 1.
        y_pred: probabilities of 1.
        threshold: probabilities above it predict 1.

    Example:
        >>> binary_accuracy([1, 0, 1], [0.9, 0.2, 0.3]).tolist()
        [1.0, 1.0, 0.0]
    """
    y_true, y_pred = match_sizes("binary_accuracy", y_true, y_pred)
    is_positive = (y_pred > threshold).astype(y_true.dtype)
    return (y_true == is_positive).astype(floatx())


@op
def categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """Return 1 where the class with the largest score is the target, and 0 elsewhere.

    Args:
        y_true: one-hot classes.
        y_pred: class scores.

    Example:
        >>> categorical_accuracy([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]]).tolist()
        [1.0, 0.0]
    """
    y_true, y_pred = match_sizes("categorical_accuracy", y_true, y_pred)
    is_correct = argmax(y_true, axis=-1) == argmax(y_pred, axis=-1)
    return is_correct.astype(floatx())


@op
def sparse_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """Return 1 where the class with the largest score is the target, and 0 elsewhere.

    Args:
        y_true: class indices.
        y_pred: class scores.

    Example:
        >>> sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.3, 0.7]]).tolist()
        [1.0, 0.0]
    """
    y_pred = jnp.asarray(y_pred)
    labels = class_indices("sparse_categorical_accuracy", y_true, y_pred, -1)
    return (labels == argmax(y_pred, axis=-1)).astype(floatx())


@op
def top_k_categorical_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, k: int = 5
) -> jax.Array:
    """Return 1 where fewer than `k` scores exceed that of the target, and 0 elsewhere.

    Args:
        y_true: one-hot classes.
        y_pred: class scores.
        k: number of predictions to consider.

    Example:
        >>> scores = [[0.5, 0.4, 0.1], [0.5, 0.4, 0.1]]
        >>> top_k_categorical_accuracy([[0, 1, 0], [0, 0, 1]], scores, k=2).tolist()
        [1.0, 0.0]
    """
    y_true, y_pred = match_sizes("top_k_categorical_accuracy", y_true, y_pred)
    return _is_in_top_k(jnp.argmax(y_true, axis=-1), float_array(y_pred), k)


@op
def sparse_top_k_categorical_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, k: int = 5, from_sorted_ids: bool = False
) -> jax.Array:
    """Return 1 where fewer than `k` scores exceed that of the target, and 0 elsewhere.

    Args:
        y_true: class indices.
        y_pred: class scores, or class indices in descending order of scores.
        k: number of predictions to consider.
        from_sorted_ids: whether `y_pred` is class indices.

    Example:
        >>> scores = [[0.5, 0.4, 0.1], [0.5, 0.4, 0.1]]
        >>> sparse_top_k_categorical_accuracy([1, 2], scores, k=2).tolist()
        [1.0, 0.0]
    """
    owner = "sparse_top_k_categorical_accuracy"
    y_pred = jnp.asarray(y_pred)
    labels = class_indices(owner, y_true, y_pred, -1)
    if from_sorted_ids:
        top_k = y_pred[..., :k].astype(jnp.int32)
        is_correct = jnp.any(labels[..., None] == top_k, axis=-1).astype(floatx())
    else:
        is_correct = _is_in_top_k(labels, float_array(y_pred), k)
    return is_correct.reshape(np.shape(y_true))


def _is_in_top_k(labels: jax.Array, y_pred: jax.Array, k: int) -> jax.Array:
    score = jnp.take_along_axis(y_pred, labels[..., None], axis=-1)
    # A class index out of range, or a score of NaN, is never in the top k.
    score = jnp.where(jnp.isnan(score), -jnp.inf, score)
    larger_count = jnp.sum(y_pred > score, axis=-1)
    return (larger_count < k).astype(floatx())


class Accuracy(FunctionMetric):
    """Accuracy metric: the frequency of predictions equal to the target.

    Example:
        >>> float(Accuracy()([1, 2, 3, 4], [1, 2, 0, 4]))
        0.75
    """

    function = staticmethod(accuracy)


class CategoricalAccuracy(FunctionMetric):
    """Accuracy metric for one-hot targets.

    Example:
        >>> float(CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.3, 0.7]]))
        0.5
    """

    function = staticmethod(categorical_accuracy)


class SparseCategoricalAccuracy(FunctionMetric):
    """Accuracy metric for class indices.

    Example:
        >>> float(SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.3, 0.7]]))
        0.5
    """

    function = staticmethod(sparse_categorical_accuracy)


class BinaryAccuracy(FunctionMetric):
    """Accuracy metric for binary targets.

    Args:
        name: see `Metric`.
        dtype: see `Metric`.
        threshold: probabilities above it predict 1.

    Example:
        >>> float(BinaryAccuracy()([1, 0, 1, 1], [0.9, 0.2, 0.3, 0.6]))
        0.75
    """

    function = staticmethod(binary_accuracy)

    def __init__(
        self,
        name: str | None = "binary_accuracy",
        dtype: PolicyLike = None,
        threshold: float = 0.5,
    ) -> None:
        super().__init__(name, dtype)
        self.threshold = threshold


class TopKCategoricalAccuracy(FunctionMetric):
    """Accuracy metric of the `k` largest scores, for one-hot targets.

    Args:
        k: number of predictions to consider.
        name: see `Metric`.
        dtype: see `Metric`.

    Example:
        >>> metric = TopKCategoricalAccuracy(k=2)
        >>> float(metric([[0, 1, 0], [0, 0, 1]], [[0.5, 0.4, 0.1], [0.5, 0.4, 0.1]]))
        0.5
    """

    function = staticmethod(top_k_categorical_accuracy)
    arguments = {"k": positive_int}

    def __init__(
        self,
        k: int = 5,
        name: str | None = "top_k_categorical_accuracy",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(name, dtype)
        self.k = k


class SparseTopKCategoricalAccuracy(FunctionMetric):
    """Accuracy metric of the `k` largest scores, for class indices.

    Args:
        k: number of predictions to consider.
        name: see `Metric`.
        dtype: see `Metric`.
        from_sorted_ids: whether predictions are class indices, in descending order
            of scores.

    Example:
        >>> metric = SparseTopKCategoricalAccuracy(k=2)
        >>> float(metric([1, 2], [[0.5, 0.4, 0.1], [0.5, 0.4, 0.1]]))
        0.5
    """

    function = staticmethod(sparse_top_k_categorical_accuracy)
    arguments = {
        "k": positive_int,
        "from_sorted_ids": boolean,
    }
    unwritten = ("from_sorted_ids",)

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: PolicyLike = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(name, dtype)
        self.k, self.from_sorted_ids = k, from_sorted_ids
