"""Mistakes in the data that can be seen before the first step."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from lamina.errors import DataError, ShapeError
from lamina.training.plan import Plan

__all__ = ["check_data"]

_CLASS_INDEX = "sparse_categorical_crossentropy"


def check_data(arrays: Any, plan: Plan | None, y_true: Any, y_pred: Any) -> None:
    """Raise for values that training would turn into garbage.

    Args:
        arrays: `(x, y, sample_weight)` of the whole data.
        plan: losses by output; `None` without labels.
        y_true: labels in the outputs' order.
        y_pred: shapes of the outputs, in the same order.

    Raises:
        DataError: x or y has values that are not finite, or labels no class has.
        ShapeError: labels and outputs have shapes the loss can't compare.
    """
    for what, part in zip(("x", "y"), arrays, strict=False):
        for leaf in jax.tree.leaves(part):
            _check_finite(leaf, what)
    if plan is None:
        return
    for out, true, pred in zip(plan.outputs, y_true, y_pred, strict=True):
        if out.loss is None or true is None:
            continue
        if _loss_name(out.loss) == _CLASS_INDEX:
            _check_class_indices(true, pred, out)


def _loss_name(loss: Any) -> str:
    function = getattr(loss, "fn", None)
    return getattr(function, "__name__", "") or getattr(loss, "name", "")


def _check_finite(array: Any, what: str) -> None:
    if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
        return
    # One sum over everything is far cheaper than a test of each value.
    with np.errstate(all="ignore"):
        if np.isfinite(float(array.sum())):
            return
    bad = ~np.isfinite(np.asarray(array, np.float32))
    if not bad.any():
        return
    place = tuple(int(i) for i in np.argwhere(bad)[0])
    rows = int(bad.reshape(len(bad), -1).any(axis=1).sum())
    raise DataError(
        f"{what} has values that are not finite in {rows} of {len(bad)} rows; the "
        f"first is {what}[{', '.join(map(str, place))}] = {array[place]}. Remove or "
        f"fill them, as with `np.nan_to_num({what})`, or pass `check_data=False` if "
        "the model handles them."
    )


def _check_class_indices(true: Any, pred: Any, out: Any) -> None:
    classes = pred.shape[getattr(out.loss, "axis", -1) or -1]
    ignored = getattr(out.loss, "ignore_class", None)
    labels = np.asarray(true)
    low, high = labels.min(), labels.max()
    name = f" of output {out.name!r}" if out.name else ""
    if classes is None:
        return
    if classes > 1 and labels.ndim == len(pred.shape) and labels.shape[-1] == classes:
        raise ShapeError(
            f"The labels{name} have shape (batch, {classes}), which looks like one "
            f"column a class, but {_CLASS_INDEX!r} takes class indices. Use "
            "loss='categorical_crossentropy', or pass `y.argmax(-1)`."
        )
    outside = labels[(labels < 0) | (labels >= classes)]
    if outside.size == 0 or (ignored is not None and (outside == ignored).all()):
        return
    raise DataError(
        f"The labels{name} go from {low} to {high}, but the model has {classes} "
        f"outputs, so class indices must be 0 to {classes - 1}. Give the last layer "
        f"{int(high) + 1} units, or renumber the labels from 0."
    )
