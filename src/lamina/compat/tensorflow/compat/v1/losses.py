"""Functions of `tensorflow.losses` in TensorFlow 1."""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.compat.tensorflow import nn
from lamina.errors import invalid
from lamina.ops.types import Tensor

Weights = Tensor | float


class Reduction:
    """Names of the ways in which a loss reduces its weighted values."""

    NONE, SUM, MEAN = "none", "weighted_sum", "weighted_mean"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS


def compute_weighted_loss(
    losses: Tensor,
    weights: Weights = 1.0,
    scope: object = None,
    loss_collection: object = None,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Any:
    """Return the weighted values of a loss, reduced as `reduction` says."""
    values = ops.convert_to_tensor(losses)
    weights = ops.cast(weights, values.dtype)
    if weights.ndim == values.ndim + 1 and weights.shape[-1] == 1:
        weights = ops.squeeze(weights, -1)
    weights = ops.broadcast_to(weights, values.shape)
    weighted = values * weights
    if reduction == Reduction.NONE:
        return weighted
    divisors = {
        Reduction.SUM: lambda: 1.0,
        Reduction.MEAN: lambda: ops.sum(weights),
        Reduction.SUM_OVER_BATCH_SIZE: lambda: ops.size(values),
        Reduction.SUM_BY_NONZERO_WEIGHTS: lambda: ops.count_nonzero(weights),
    }
    if reduction not in divisors:
        options = " or ".join(map(repr, [Reduction.NONE, *divisors]))
        raise invalid("tf.losses", "reduction", reduction, options)
    divisor = ops.cast(divisors[reduction](), values.dtype)
    return ops.divide_no_nan(ops.sum(weighted), divisor)


def mean_squared_error(
    labels: Tensor, predictions: Tensor, weights: Weights = 1.0, **options: Any
) -> Any:
    """Return the mean of squared differences."""
    return compute_weighted_loss(
        ops.square(ops.subtract(predictions, labels)), weights, **options
    )


def absolute_difference(
    labels: Tensor, predictions: Tensor, weights: Weights = 1.0, **options: Any
) -> Any:
    """Return the mean of absolute differences."""
    return compute_weighted_loss(
        ops.absolute(ops.subtract(predictions, labels)), weights, **options
    )


def huber_loss(
    labels: Tensor,
    predictions: Tensor,
    weights: Weights = 1.0,
    delta: float = 1.0,
    **options: Any,
) -> Any:
    """Return the mean of half squared differences, linear beyond delta."""
    error = ops.absolute(ops.subtract(predictions, labels))
    inner = ops.minimum(error, delta)
    return compute_weighted_loss(
        0.5 * inner * inner + delta * (error - inner), weights, **options
    )


def log_loss(
    labels: Tensor,
    predictions: Tensor,
    weights: Weights = 1.0,
    epsilon: float = 1e-7,
    **options: Any,
) -> Any:
    """Return the binary cross-entropy of probabilities."""
    labels = ops.cast(labels, "float32")
    positive = labels * ops.log(ops.add(predictions, epsilon))
    negative = (1 - labels) * ops.log(ops.subtract(1 + epsilon, predictions))
    return compute_weighted_loss(-positive - negative, weights, **options)


def hinge_loss(
    labels: Tensor, logits: Tensor, weights: Weights = 1.0, **options: Any
) -> Any:
    """Return the mean hinge loss; labels are 0 and 1."""
    signs = 2 * ops.cast(labels, "float32") - 1
    return compute_weighted_loss(
        ops.relu(1 - ops.multiply(signs, logits)), weights, **options
    )


def sigmoid_cross_entropy(
    multi_class_labels: Tensor,
    logits: Tensor,
    weights: Weights = 1.0,
    label_smoothing: float = 0,
    **options: Any,
) -> Any:
    """Return the mean binary cross-entropy of logits."""
    labels = ops.cast(multi_class_labels, "float32")
    labels = labels * (1 - label_smoothing) + 0.5 * label_smoothing
    return compute_weighted_loss(
        nn.sigmoid_cross_entropy_with_logits(labels, logits), weights, **options
    )


def softmax_cross_entropy(
    onehot_labels: Tensor,
    logits: Tensor,
    weights: Weights = 1.0,
    label_smoothing: float = 0,
    **options: Any,
) -> Any:
    """Return the mean cross-entropy of logits for one-hot labels."""
    labels = ops.cast(onehot_labels, "float32")
    labels = labels * (1 - label_smoothing) + label_smoothing / labels.shape[-1]
    return compute_weighted_loss(
        nn.softmax_cross_entropy_with_logits(labels, logits), weights, **options
    )


def sparse_softmax_cross_entropy(
    labels: Tensor, logits: Tensor, weights: Weights = 1.0, **options: Any
) -> Any:
    """Return the mean cross-entropy of logits for class indices."""
    labels, logits = map(ops.convert_to_tensor, (labels, logits))
    if labels.ndim == logits.ndim:
        labels = ops.squeeze(labels, -1)
    rows = nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return compute_weighted_loss(rows, weights, **options)
