"""Mistakes in the data that can be seen before the first step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from lamina.errors import DataError, ShapeError
from lamina.layers import Embedding
from lamina.training.plan import Plan

__all__ = ["check_data"]

_CLASS_INDEX = "sparse_categorical_crossentropy"


def check_data(
    arrays: Any, plan: Plan | None, y_true: Any, y_pred: Any, graph: Any = None
) -> None:
    """Raise for values that training would turn into garbage.

    Args:
        arrays: `(x, y, sample_weight)` of the whole data.
        plan: losses by output; `None` without labels.
        y_true: labels in the outputs' order.
        y_pred: shapes of the outputs, in the same order.
        graph: the model's, if it has one.

    Raises:
        DataError: x or y has values that are not finite, x an index that an Embedding
            lacks, or y labels no class has.
        ShapeError: labels and outputs have shapes the loss can't compare.
    """
    for what, part in zip(("x", "y"), arrays, strict=False):
        for leaf in jax.tree.leaves(part):
            _check_finite(leaf, what)
    if graph is not None:
        for tensor, array in zip(
            graph.input_leaves, graph.match(arrays[0]), strict=True
        ):
            for layer in _embeddings(graph, tensor):
                _check_indices(array, layer)
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


def _embeddings(graph: Any, tensor: Any) -> Iterator[Embedding]:
    """The Embeddings that take an input of a graph as it is."""
    for node in graph.nodes:
        if not any(t is tensor for t in node.inputs):
            continue
        inner = getattr(node.operation, "_graph", None)
        if isinstance(node.operation, Embedding):
            yield node.operation
        elif inner is not None:
            given = inner.match(node.args[0])
            for own, outer in zip(inner.input_leaves, given, strict=True):
                if outer is tensor:
                    yield from _embeddings(inner, own)


def _check_indices(array: Any, layer: Embedding) -> None:
    indices, size = np.asarray(array), layer.input_dim
    low, high = indices.min(), indices.max()
    if low >= 0 and high < size:
        return
    wrong = high if high >= size else low
    place = ", ".join(str(i) for i in np.argwhere(indices == wrong)[0])
    mend = f"Give it input_dim={int(high) + 1}, or renumber the indices."
    raise DataError(
        f"Layer {layer.name!r} (Embedding) has input_dim={size}, so it takes indices 0 "
        f"to {size - 1}. In x they go from {low:.0f} to {high:.0f}: x[{place}] = "
        f"{wrong:.0f}. {mend if low >= 0 else 'Renumber them from 0 on.'}"
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
