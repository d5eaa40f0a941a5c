"""Functions of `tensorflow.nn`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import activations, ops, random
from lamina.lazy import lazy_attributes

_SAME = (
    *("elu", "gelu", "log_softmax", "moments", "relu", "relu6", "selu", "sigmoid"),
    *("silu", "softmax", "softplus", "softsign", "tanh"),
)
__getattr__ = lazy_attributes(
    __name__,
    swish="lamina.ops:silu",
    top_k="lamina.ops:top_k",
    **{name: f"lamina.ops:{name}" for name in _SAME},
)


def leaky_relu(features: Any, alpha: float = 0.2, name: Any = None) -> Any:
    """Return positive values, and alpha times the others."""
    return activations.leaky_relu(features, negative_slope=alpha)


def sigmoid_cross_entropy_with_logits(
    labels: Any, logits: Any, name: Any = None
) -> Any:
    """Return the binary cross-entropy of each element."""
    return ops.binary_crossentropy(labels, logits, from_logits=True)


def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: int = -1, name: Any = None
) -> Any:
    """Return the cross-entropy of each row."""
    return ops.categorical_crossentropy(labels, logits, from_logits=True, axis=axis)


def sparse_softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, name: Any = None
) -> Any:
    """Return the cross-entropy of each row for class indices."""
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def l2_normalize(x: Any, axis: int | Sequence[int] | None = None, **_: Any) -> Any:
    """Divide by the Euclidean norm."""
    norm = ops.sqrt(
        ops.maximum(ops.sum(ops.square(x), axis=axis, keepdims=True), 1e-12)
    )
    return x / norm


def dropout(x: Any, rate: float, seed: int | None = None, **_: Any) -> Any:
    """Set a random part of the elements to zero and scale the others."""

    return random.dropout(x, rate, seed=seed)
