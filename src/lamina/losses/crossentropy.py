"""Crossentropy losses for binary, one-hot and integer targets."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from lamina.config import epsilon
from lamina.core.check import Check, between, boolean, is_number
from lamina.core.dtypes import PolicyLike
from lamina.core.graph import op
from lamina.core.masks import set_mask
from lamina.errors import ShapeError
from lamina.losses.base import (
    ACCURACY_ADVICE,
    FunctionLoss,
    Loss,
    match_shapes,
    shape_mismatch_error,
)
from lamina.ops.nn.crossentropy import dense_crossentropy, sparse_crossentropy
from lamina.ops.types import float_array
from lamina.typing import ArrayLike


@op
def binary_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> jax.Array:
    """Compute the binary crossentropy.

    -mean(y·log(p) + (1 - y)·log(1 - p)) over `axis`

    Args:
        y_true: 0 or 1, or a probability.
        y_pred: the probability of 1, clipped to [ε, 1 - ε], or its logit.
        from_logits: whether `y_pred` is logits: the model ends without a sigmoid.
        label_smoothing: fraction by which targets move towards ½.
        axis: the axis to average over.

    Example:
        >>> round(float(binary_crossentropy([[1.0, 0.0]], [[0.8, 0.5]])[0]), 4)
        0.4581
    """
    y_true, y_pred = match_shapes("binary_crossentropy", y_true, y_pred)
    y_true = smooth_labels(y_true, label_smoothing, 2)
    return jnp.mean(binary_losses(y_true, y_pred, from_logits), axis=axis)


def binary_losses(y_true: jax.Array, y_pred: jax.Array, from_logits: bool) -> jax.Array:
    """Compute the binary crossentropy of each element."""
    if from_logits:
        log_p, log_q = jax.nn.log_sigmoid(y_pred), jax.nn.log_sigmoid(-y_pred)
    else:
        y_pred = jnp.clip(y_pred, epsilon(), 1.0 - epsilon())
        log_p, log_q = jnp.log(y_pred), jnp.log(1.0 - y_pred)
    return -(y_true * log_p + (1.0 - y_true) * log_q)


@op
def categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> jax.Array:
    """Compute the categorical crossentropy: -Σ y·log(p) over the classes.

    Args:
        y_true: one-hot classes, or a distribution over them.
        y_pred: class probabilities, normalized to a sum of 1 and clipped to
            [ε, 1 - ε], or logits.
        from_logits: whether `y_pred` is logits: the model ends without a softmax.
        label_smoothing: fraction by which targets move towards the uniform
            distribution.
        axis: the class axis.

    Raises:
        ShapeError: the shapes differ, or there is a single class.

    Example:
        >>> loss = categorical_crossentropy([[0.0, 1.0]], [[0.75, 0.25]])
        >>> round(float(loss[0]), 4)
        1.3863

    Reference: label smoothing: Szegedy et al. 2016, https://arxiv.org/abs/1512.00567
    """
    y_true, y_pred = match_shapes("categorical_crossentropy", y_true, y_pred)
    require_several_classes("categorical_crossentropy", y_pred.shape, axis)
    y_true = smooth_labels(y_true, label_smoothing, y_true.shape[axis])
    y_pred, y_true = (jnp.moveaxis(a, axis, -1) for a in (y_pred, y_true))
    return dense_crossentropy(y_pred, y_true, from_logits)


@op
def sparse_categorical_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> jax.Array:
    """Compute the crossentropy of class indices: -log(p[y]).

    Args:
        y_true: class indices from 0, of the predictions' shape without the class
            axis, or with a class axis of size 1.
        y_pred: see `categorical_crossentropy`.
        from_logits: whether `y_pred` is logits: the model ends without a softmax.
        ignore_class: index of a class whose targets are ignored.
        axis: the class axis.

    Raises:
        ShapeError: the shapes differ, or there is a single class.

    Example:
        >>> loss = sparse_categorical_crossentropy([1, 0], [[0.75, 0.25], [0.5, 0.5]])
        >>> [round(value, 4) for value in loss.tolist()]
        [1.3863, 0.6931]
    """
    y_pred = float_array(y_pred)
    labels = class_indices("sparse_categorical_crossentropy", y_true, y_pred, axis)
    require_several_classes("sparse_categorical_crossentropy", y_pred.shape, axis)
    is_valid = None if ignore_class is None else labels != ignore_class
    if is_valid is not None:
        # Ignored predictions may be NaN, which must not reach the gradient.
        y_pred = jnp.where(jnp.expand_dims(is_valid, axis), y_pred, 1.0)
    values = sparse_crossentropy(jnp.moveaxis(y_pred, axis, -1), labels, from_logits)
    if is_valid is not None:
        values = jnp.where(is_valid, values, 0.0)
        set_mask(values, is_valid)
    return values


@op
def categorical_generalized_cross_entropy(
    y_true: ArrayLike, y_pred: ArrayLike, q: float
) -> jax.Array:
    """Compute the generalized crossentropy of class indices: (1 - p[y]**q) / q.

    It approaches crossentropy for q near 0 and the absolute error for q near 1. A
    larger q is more robust to noisy labels.

    Args:
        y_true: class indices, of the predictions' shape without the last axis, or
            with a last axis of size 1.
        y_pred: class probabilities, along the last axis.
        q: exponent, in (0, 1).

    Raises:
        ShapeError: the shapes are incompatible.

    Example:
        >>> loss = categorical_generalized_cross_entropy([1], [[0.75, 0.25]], q=0.5)
        >>> float(loss[0])
        1.0

    Reference: Zhang and Sabuncu 2018, https://arxiv.org/abs/1805.07836
    """
    y_pred = float_array(y_pred)
    labels = class_indices("categorical_generalized_cross_entropy", y_true, y_pred, -1)
    is_label = jax.nn.one_hot(labels, y_pred.shape[-1], dtype=y_pred.dtype)
    p = jnp.sum(y_pred * is_label, axis=-1)
    # The gradient of p**q is infinite at 0.
    power = jnp.where(p > 0, jnp.where(p > 0, p, 1.0) ** q, 0.0)
    return (1.0 - power) / q


def smooth_labels(y_true: jax.Array, smoothing: float, classes: int) -> jax.Array:
    """Move targets by a fraction towards the uniform distribution over the classes."""
    if not smoothing:
        return y_true
    return y_true * (1.0 - smoothing) + smoothing / classes


def class_indices(
    owner: str, y_true: ArrayLike, y_pred: jax.Array, axis: int
) -> jax.Array:
    """Return class indices as int32, without a class axis of size 1.

    Raises:
        ShapeError: there is not one index for each prediction.
    """
    labels = jnp.asarray(y_true)
    axis = range(y_pred.ndim)[axis]
    if labels.ndim == y_pred.ndim and labels.shape[axis] == 1:
        labels = jnp.squeeze(labels, axis)
    if labels.shape == (*y_pred.shape[:axis], *y_pred.shape[axis + 1 :]):
        return labels.astype(jnp.int32)
    if labels.shape == y_pred.shape and y_pred.shape[axis] > 1:
        instead = "the loss 'categorical_crossentropy'"
        if owner.endswith("accuracy"):
            instead = ACCURACY_ADVICE
        raise ShapeError(
            f"{owner}: y_true has the shape of y_pred, {labels.shape}, so it holds "
            f"one-hot classes, but class indices are needed. Use {instead}."
        )
    raise shape_mismatch_error(owner, np.shape(y_true), y_pred.shape, is_sparse=True)


def require_several_classes(owner: str, shape: tuple[int, ...], axis: int) -> None:
    """Refuse a single class: its probability is always 1 and its loss always 0."""
    if shape[axis] == 1:
        raise ShapeError(
            f"{owner}: y_pred has shape {shape}, a single class, whose loss is always "
            "0. For two classes and one output use 'binary_crossentropy'; otherwise "
            "end the model with one unit for each class."
        )


class BinaryCrossentropy(FunctionLoss):
    """Crossentropy loss for binary targets, see `binary_crossentropy`.

    Args:
        from_logits: whether predictions are logits: the model ends without a sigmoid.
        label_smoothing: fraction by which targets move towards ½.
        axis: the axis to average over.
        reduction: see `Loss`.
        name: see `Loss`.
        dtype: see `Loss`.

    Example:
        >>> round(float(BinaryCrossentropy()([[1.0], [0.0]], [[0.8], [0.5]])), 4)
        0.4581
    """

    function = staticmethod(binary_crossentropy)
    arguments = {
        **Loss.arguments,
        "from_logits": boolean,
        "label_smoothing": between(0, 1),
    }

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.from_logits, self.label_smoothing = from_logits, label_smoothing
        self.axis = axis


class CategoricalCrossentropy(FunctionLoss):
    """Crossentropy loss for one-hot targets, see `categorical_crossentropy`.

    Args:
        from_logits: whether predictions are logits: the model ends without a softmax.
        label_smoothing: fraction by which targets move towards 1 / classes.
        axis: the class axis.
        reduction: see `Loss`.
        name: see `Loss`.
        dtype: see `Loss`.

    Example:
        >>> loss = CategoricalCrossentropy()
        >>> round(float(loss([[0.0, 1.0]], [[0.75, 0.25]])), 4)
        1.3863
    """

    function = staticmethod(categorical_crossentropy)
    arguments = BinaryCrossentropy.arguments

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.from_logits, self.label_smoothing = from_logits, label_smoothing
        self.axis = axis


class SparseCategoricalCrossentropy(FunctionLoss):
    """Crossentropy loss for class indices, see `sparse_categorical_crossentropy`.

    Args:
        from_logits: whether predictions are logits: the model ends without a softmax.
        ignore_class: index of a class whose targets are ignored.
        reduction: see `Loss`.
        axis: the class axis.
        name: see `Loss`.
        dtype: see `Loss`.

    Example:
        >>> loss = SparseCategoricalCrossentropy(ignore_class=-1)
        >>> round(float(loss([1, -1], [[0.75, 0.25], [0.5, 0.5]])), 4)
        1.3863
    """

    function = staticmethod(sparse_categorical_crossentropy)
    arguments = {**Loss.arguments, "from_logits": boolean}
    unwritten = (*Loss.unwritten, "axis")

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.from_logits, self.ignore_class = from_logits, ignore_class
        self.axis = axis


class CategoricalGeneralizedCrossEntropy(FunctionLoss):
    """Crossentropy loss for class indices that is robust to noisy labels.

    See `categorical_generalized_cross_entropy`.

    Args:
        q: exponent, in (0, 1).
        reduction: see `Loss`.
        name: see `Loss`.
        dtype: see `Loss`.

    Example:
        >>> float(CategoricalGeneralizedCrossEntropy()([1], [[0.75, 0.25]]))
        1.0
    """

    function = staticmethod(categorical_generalized_cross_entropy)
    arguments = {
        **Loss.arguments,
        "q": Check(
            "a number greater than 0 and less than 1",
            lambda v: is_number(v) and 0 < v < 1,
            (0, 1, "a"),
        ),
    }

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(reduction, name, dtype)
        self.q = q
