"""Metrics of Keras 1, which are computed from one batch."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.errors import ArgumentError
from lamina.ops.types import Tensor

_EPSILON = 1e-7


def _count(x: Any) -> Any:
    return ops.sum(ops.round(ops.clip(ops.cast(x, "float32"), 0, 1)))


def _product(y_true: Tensor, y_pred: Tensor) -> Any:
    return ops.multiply(ops.cast(y_true, "float32"), y_pred)


def precision(y_true: Tensor, y_pred: Tensor) -> Any:
    """Return the fraction of positive predictions that are right."""
    return _count(_product(y_true, y_pred)) / (_count(y_pred) + _EPSILON)


def recall(y_true: Tensor, y_pred: Tensor) -> Any:
    """Return the fraction of positives that are predicted."""
    return _count(_product(y_true, y_pred)) / (_count(y_true) + _EPSILON)


def fbeta_score(y_true: Tensor, y_pred: Tensor, beta: float = 1) -> Any:
    """Return the weighted harmonic mean of precision and recall, 0 without positives.

    Raises:
        ArgumentError: beta is negative.
    """
    if beta < 0:
        raise ArgumentError(f"beta must be at least 0. Received: {beta}.")
    p, r = precision(y_true, y_pred), recall(y_true, y_pred)
    score = (1 + beta**2) * p * r / (beta**2 * p + r + _EPSILON)
    return ops.where(ops.equal(_count(y_true), 0), 0.0, score)


def fmeasure(y_true: Tensor, y_pred: Tensor) -> Any:
    """Return the harmonic mean of precision and recall."""
    return fbeta_score(y_true, y_pred)


def matthews_correlation(y_true: Tensor, y_pred: Tensor) -> Any:
    """Return the correlation of rounded targets and predictions."""
    true = ops.round(ops.clip(ops.cast(y_true, "float32"), 0, 1))
    guess = ops.round(ops.clip(ops.cast(y_pred, "float32"), 0, 1))
    tp, tn = ops.sum(true * guess), ops.sum((1 - true) * (1 - guess))
    fp, fn = ops.sum((1 - true) * guess), ops.sum(true * (1 - guess))
    total = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / (ops.sqrt(total) + _EPSILON)
