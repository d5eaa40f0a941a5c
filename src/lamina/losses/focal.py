"""Focal losses: crossentropy with a reduced weight for easy examples.

Reference: Lin et al. 2017, https://arxiv.org/abs/1708.02002
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from lamina.config import epsilon
from lamina.core.check import boolean
from lamina.core.dtypes import PolicyLike
from lamina.core.graph import op
from lamina.losses.base import FunctionLoss, match_shapes
from lamina.losses.crossentropy import (
    BinaryCrossentropy,
    binary_losses,
    require_several_classes,
    smooth_labels,
)
from lamina.typing import ArrayLike


@op
def binary_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> jax.Array:
    """Compute the binary focal crossentropy.

    mean((1 - p̂)^γ · crossentropy) over `axis`, where p̂ is the probability of y_true

    Args:
        y_true: 0 or 1.
        y_pred: the probability of 1, or its logit.
        apply_class_balancing: whether to weight ones by α and zeros by 1 - α.
        alpha: the weight of ones.
        gamma: focusing exponent, which reduces the loss of easy examples; 0 gives
            plain crossentropy.
        from_logits: whether `y_pred` is logits.
        label_smoothing: fraction by which targets move towards ½.
        axis: the axis to average over.

    Example:
        >>> round(float(binary_focal_crossentropy([[1.0, 0.0]], [[0.8, 0.5]])[0]), 4)
        0.0911
    """
    y_true, y_pred = match_shapes("binary_focal_crossentropy", y_true, y_pred)
    y_true = smooth_labels(y_true, label_smoothing, 2)
    if from_logits:
        y_pred = jax.nn.sigmoid(y_pred)
    p_true = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
    crossentropy = binary_losses(y_true, y_pred, from_logits=False)
    values = jnp.power(1.0 - p_true, gamma) * crossentropy
    if apply_class_balancing:
        values = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * values
    return jnp.mean(values, axis=axis)


@op
def categorical_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> jax.Array:
    """Compute the focal crossentropy: -Σ α·(1 - p)^γ·y·log(p) over the classes.

    Args:
        y_true: one-hot classes.
        y_pred: class probabilities, or logits.
        alpha: the weight of all classes, or a list with one for each.
        gamma: focusing exponent, which reduces the loss of easy examples.
        from_logits: whether `y_pred` is logits.
        label_smoothing: fraction by which targets move towards 1 / classes.
        axis: the class axis.

    Example:
        >>> loss = categorical_focal_crossentropy([[0.0, 1.0]], [[0.75, 0.25]])
        >>> round(float(loss[0]), 4)
        0.1949
    """
    y_true, y_pred = match_shapes("categorical_focal_crossentropy", y_true, y_pred)
    require_several_classes("categorical_focal_crossentropy", y_pred.shape, axis)
    y_true = smooth_labels(y_true, label_smoothing, y_true.shape[axis])
    if from_logits:
        y_pred = jax.nn.softmax(y_pred, axis=axis)
    y_pred = y_pred / jnp.sum(y_pred, axis=axis, keepdims=True)
    p = jnp.clip(y_pred, epsilon(), 1.0 - epsilon())
    factor = jnp.power(1.0 - p, gamma)
    factor = factor * jnp.broadcast_to(jnp.asarray(alpha, p.dtype), p.shape)
    return jnp.sum(factor * -y_true * jnp.log(p), axis=axis)


class BinaryFocalCrossentropy(FunctionLoss):
    """Focal loss for binary targets, see `binary_focal_crossentropy`.

    Args:
        apply_class_balancing: whether to weight ones by α and zeros by 1 - α.
        alpha: the weight of ones.
        gamma: focusing exponent, which reduces the loss of easy examples; 0 gives
            plain crossentropy.
        from_logits: whether predictions are logits.
        label_smoothing: fraction by which targets move towards ½.
        axis: the axis to average over.
        reduction: see `Loss`.
        name: see `Loss`.
        dtype: see `Loss`.

    Example:
        >>> round(float(BinaryFocalCrossentropy()([[1.0, 0.0]], [[0.8, 0.5]])), 4)
        0.0911
    """

    function = staticmethod(binary_focal_crossentropy)
    arguments = {
        **BinaryCrossentropy.arguments,
        "apply_class_balancing": boolean,
    }

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.apply_class_balancing = apply_class_balancing
        self.alpha, self.gamma, self.axis = alpha, gamma, axis
        self.from_logits, self.label_smoothing = from_logits, label_smoothing


class CategoricalFocalCrossentropy(FunctionLoss):
    """Focal loss for one-hot targets, see `categorical_focal_crossentropy`.

    Args:
        alpha: the weight of all classes, or a list with one for each.
        gamma: focusing exponent, which reduces the loss of easy examples.
        from_logits: whether predictions are logits.
        label_smoothing: fraction by which targets move towards 1 / classes.
        axis: the class axis.
        reduction: see `Loss`.
        name: see `Loss`.
        dtype: see `Loss`.

    Example:
        >>> loss = CategoricalFocalCrossentropy()
        >>> round(float(loss([[0.0, 1.0]], [[0.75, 0.25]])), 4)
        0.1949
    """

    function = staticmethod(categorical_focal_crossentropy)
    arguments = BinaryCrossentropy.arguments

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.alpha, self.gamma, self.axis = alpha, gamma, axis
        self.from_logits, self.label_smoothing = from_logits, label_smoothing
