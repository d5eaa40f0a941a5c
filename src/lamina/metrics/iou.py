"""Intersection over union for segmentation."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from lamina.config import epsilon
from lamina.core.check import boolean, integer
from lamina.core.dtypes import PolicyLike
from lamina.errors import ShapeError, invalid
from lamina.losses.base import broadcast_weights
from lamina.metrics.base import Metric
from lamina.typing import ArrayLike


class IoU(Metric):
    """Intersection over union, averaged over some classes: TP / (TP + FP + FN).

    Args:
        num_classes: number of classes.
        target_class_ids: the classes to average over.
        name: see `Metric`.
        dtype: dtype of the counts; int32 when `None`.
        ignore_class: index of a class whose targets are ignored.
        sparse_y_true: whether targets are class indices, not one-hot.
        sparse_y_pred: whether predictions are class indices, not scores.
        axis: the class axis of one-hot targets and scores.

    Example:
        >>> round(float(IoU(2, [0])([0, 0, 1, 1], [0, 1, 0, 1])), 4)
        0.3333
    """

    arguments = {
        "num_classes": integer(1, 10**5),
        "sparse_y_true": boolean,
        "sparse_y_pred": boolean,
    }

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: PolicyLike = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(dtype or "int32", name)
        if not all(0 <= c < num_classes for c in target_class_ids):
            expected = f"class indices from 0 to {num_classes - 1}"
            kind = type(self).__name__
            raise invalid(kind, "target_class_ids", target_class_ids, expected)
        self.num_classes, self.target_class_ids = num_classes, list(target_class_ids)
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        shape = (num_classes, num_classes)
        self.total_cm = self.add_variable(shape, name="total_confusion_matrix")

    def update_state(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        """Update the state from one batch."""
        y_true, y_pred = jnp.asarray(y_true), jnp.asarray(y_pred)
        if not self.sparse_y_true:
            y_true = jnp.argmax(y_true, axis=self.axis)
        if not self.sparse_y_pred:
            y_pred = jnp.argmax(y_pred, axis=self.axis)
        weights = jnp.asarray(1 if sample_weight is None else sample_weight, self.dtype)
        weights = broadcast_weights(weights, y_true.shape).reshape(-1)
        if y_true.size != y_pred.size:
            raise ShapeError(
                f"{type(self).__name__}: y_true has {y_true.size} classes (shape "
                f"{y_true.shape}), but y_pred has {y_pred.size} (shape "
                f"{y_pred.shape}). Pass one class for each prediction; scores need "
                "`sparse_y_pred=False`, one-hot targets `sparse_y_true=False`."
            )
        true = y_true.reshape(-1).astype(jnp.int32)
        pred = y_pred.reshape(-1).astype(jnp.int32)
        is_valid = (true >= 0) & (true < self.num_classes)
        is_valid &= (pred >= 0) & (pred < self.num_classes)
        if self.ignore_class is not None:
            is_valid &= true != self.ignore_class
        # JAX ignores updates at indices out of range.
        true = jnp.where(is_valid, true, self.num_classes)
        counts = jnp.zeros(self.total_cm.shape, self.dtype)
        self.total_cm.assign_add(counts.at[true, pred].add(weights))

    def result(self) -> jax.Array:
        """Return the mean over the classes that occur in the data."""
        matrix = self.total_cm.value
        intersection = jnp.diagonal(matrix)
        union = jnp.sum(matrix, axis=0) + jnp.sum(matrix, axis=1) - intersection
        classes = jnp.asarray(self.target_class_ids)
        intersection = intersection[classes].astype(jnp.float32)
        union = union[classes].astype(jnp.float32)
        occurs = union > 1e-9
        scores = jnp.where(occurs, intersection / (union + epsilon()), 0.0)
        return jnp.sum(scores) / (jnp.sum(occurs) + epsilon())


class BinaryIoU(IoU):
    """Intersection over union of probabilities compared with a threshold.

    Args:
        target_class_ids: `[0]`, `[1]` or both: the classes to average over.
        threshold: probabilities of at least this predict 1.
        name: see `Metric`.
        dtype: dtype of the counts; int32 when `None`.

    Example:
        >>> metric = BinaryIoU(threshold=0.3)
        >>> round(float(metric([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 4)
        0.3333
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: PolicyLike = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        """Update the state from one batch."""
        is_positive = jnp.asarray(y_pred, jnp.float32) >= self.threshold
        super().update_state(y_true, is_positive, sample_weight)


class MeanIoU(IoU):
    """Intersection over union, averaged over all classes: TP / (TP + FP + FN).

    Args:
        num_classes: number of classes.
        name: see `Metric`.
        dtype: dtype of the counts; int32 when `None`.
        ignore_class: index of a class whose targets are ignored.
        sparse_y_true: whether targets are class indices, not one-hot.
        sparse_y_pred: whether predictions are class indices, not scores.
        axis: the class axis of one-hot targets and scores.

    Example:
        >>> round(float(MeanIoU(2)([0, 0, 1, 1], [0, 1, 0, 1])), 4)
        0.3333
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: PolicyLike = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, range(num_classes), name, dtype, ignore_class)
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.axis = axis


class OneHotIoU(IoU):
    """Intersection over union for one-hot targets, averaged over some classes.

    Args:
        num_classes: number of classes.
        target_class_ids: the classes to average over.
        name: see `Metric`.
        dtype: dtype of the counts; int32 when `None`.
        ignore_class: index of a class whose targets are ignored.
        sparse_y_pred: whether predictions are class indices, not scores.
        axis: the class axis.

    Example:
        >>> metric = OneHotIoU(2, [0])
        >>> round(float(metric([[1, 0], [0, 1]], [[0.8, 0.2], [0.6, 0.4]])), 4)
        0.5
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: PolicyLike = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class)
        self.sparse_y_true, self.sparse_y_pred = False, sparse_y_pred
        self.axis = axis


class OneHotMeanIoU(IoU):
    """Intersection over union for one-hot targets, averaged over all classes.

    Args:
        num_classes: number of classes.
        name: see `Metric`.
        dtype: dtype of the counts; int32 when `None`.
        ignore_class: index of a class whose targets are ignored.
        sparse_y_pred: whether predictions are class indices, not scores.
        axis: the class axis.

    Example:
        >>> metric = OneHotMeanIoU(2)
        >>> round(float(metric([[1, 0], [0, 1]], [[0.8, 0.2], [0.4, 0.6]])), 4)
        1.0
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: PolicyLike = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, range(num_classes), name, dtype, ignore_class)
        self.sparse_y_true, self.sparse_y_pred = False, sparse_y_pred
        self.axis = axis
