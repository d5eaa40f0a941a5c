"""Functions of `tensorflow.losses` in TensorFlow 1, means over all rows."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.compat.tensorflow import nn
from lamina.ops.types import Tensor

Weights = Tensor | float


def _mean(values: Any, weights: Weights) -> Any:
    """Return the sum of weighted values divided by the number of weights but 0."""
    weights = ops.cast(weights, values.dtype)
    weighted = ops.multiply(values, weights)
    used = ops.cast(ops.not_equal(weights + ops.zeros_like(values), 0), values.dtype)
    return ops.divide_no_nan(ops.sum(weighted), ops.sum(used))


def mean_squared_error(
    labels: Tensor, predictions: Tensor, weights: Weights = 1.0, **_: object
) -> Any:
    """Return the mean of squared differences."""
    return _mean(ops.square(ops.subtract(predictions, labels)), weights)


def absolute_difference(
    labels: Tensor, predictions: Tensor, weights: Weights = 1.0, **_: object
) -> Any:
    """Return the mean of absolute differences."""
    return _mean(ops.absolute(ops.subtract(predictions, labels)), weights)


def huber_loss(
    labels: Tensor,
    predictions: Tensor,
    weights: Weights = 1.0,
    delta: float = 1.0,
    **_: object,
) -> Any:
    """Return the mean of half squared differences, linear beyond delta."""
    error = ops.absolute(ops.subtract(predictions, labels))
    inner = ops.minimum(error, delta)
    return _mean(0.5 * inner * inner + delta * (error - inner), weights)


def log_loss(
    labels: Tensor,
    predictions: Tensor,
    weights: Weights = 1.0,
    epsilon: float = 1e-7,
    **_: object,
) -> Any:
    """Return the binary cross-entropy of probabilities."""
    labels = ops.cast(labels, "float32")
    positive = labels * ops.log(ops.add(predictions, epsilon))
    negative = (1 - labels) * ops.log(ops.subtract(1 + epsilon, predictions))
    return _mean(-positive - negative, weights)


def hinge_loss(
    labels: Tensor, logits: Tensor, weights: Weights = 1.0, **_: object
) -> Any:
    """Return the mean hinge loss; labels are 0 and 1."""
    signs = 2 * ops.cast(labels, "float32") - 1
    return _mean(ops.relu(1 - ops.multiply(signs, logits)), weights)


def sigmoid_cross_entropy(
    multi_class_labels: Tensor,
    logits: Tensor,
    weights: Weights = 1.0,
    label_smoothing: float = 0,
    **_: object,
) -> Any:
    """Return the mean binary cross-entropy of logits."""
    labels = ops.cast(multi_class_labels, "float32")
    labels = labels * (1 - label_smoothing) + 0.5 * label_smoothing
    return _mean(nn.sigmoid_cross_entropy_with_logits(labels, logits), weights)


def softmax_cross_entropy(
    onehot_labels: Tensor,
    logits: Tensor,
    weights: Weights = 1.0,
    label_smoothing: float = 0,
    **_: object,
) -> Any:
    """Return the mean cross-entropy of logits for one-hot labels."""
    labels = ops.cast(onehot_labels, "float32")
    labels = labels * (1 - label_smoothing) + label_smoothing / labels.shape[-1]
    return _mean(nn.softmax_cross_entropy_with_logits(labels, logits), weights)


def sparse_softmax_cross_entropy(
    labels: Tensor, logits: Tensor, weights: Weights = 1.0, **_: object
) -> Any:
    """Return the mean cross-entropy of logits for class indices."""
    rows = nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return _mean(rows, weights)
