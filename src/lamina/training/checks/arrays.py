"""Checks of the values of data before the first step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from lamina.errors import ArgumentError, DataError
from lamina.layers import Embedding
from lamina.layers.base.call_graph import graph_of
from lamina.training.plan import OutputPlan, Plan, loss_kind


def check_data(
    arrays: Any, plan: Plan | None, y_pred: Any, graph: Any = None, finite: bool = True
) -> None:
    """Raise for values that the model or the loss cannot use.

    Args:
        arrays: `(x, y, sample_weight)`, of the whole data or of a batch.
        plan: losses by output; `None` without labels.
        y_pred: shapes of the outputs, in the plan's order.
        graph: the model's graph, if it has one.
        finite: whether to check that values are finite.

    Raises:
        DataError: a value is not finite, an index in x is out of range for an
            Embedding, or labels are invalid for the loss.
    """
    x, y, _ = arrays
    if finite:
        for what, part in zip(("x", "y", "sample_weight"), arrays, strict=True):
            for leaf in jax.tree.leaves(part):
                _check_finite(leaf, what)
    if graph is not None:
        for tensor, array in zip(graph.input_leaves, graph.match(x), strict=True):
            for layer in _embeddings(graph, tensor) if array is not None else ():
                _check_indices(array, layer)
    if plan is None or y is None:
        return
    true = plan.labels(y)
    for out, labels, pred in zip(plan.outputs, true, y_pred, strict=True):
        check = _LABEL_CHECKS.get(loss_kind(out.loss))
        if check is not None and labels is not None and np.size(labels):
            check(labels, pred, out)


def _check_finite(array: Any, what: str) -> None:
    if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
        return
    # A sum is cheaper than testing each value.
    with np.errstate(all="ignore"):
        if np.isfinite(float(array.sum())):
            return
    bad = ~np.isfinite(np.asarray(array, np.float32))
    if not bad.any():
        return
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    rows = int(bad.reshape(len(bad), -1).any(axis=1).sum())
    raise DataError(
        f"{what} has values that are not finite in {rows} of {len(bad)} rows; the "
        f"first is {what}[{', '.join(map(str, index))}] = {array[index]}. Remove or "
        f"fill them, as with `np.nan_to_num({what})`, or pass `check_data=False` if "
        "the model handles them."
    )


def _embeddings(graph: Any, tensor: Any) -> Iterator[Embedding]:
    """Yield the Embeddings that take an input of a graph directly."""
    for node in graph.nodes:
        if not any(t is tensor for t in node.inputs):
            continue
        inner = graph_of(node.operation)
        if isinstance(node.operation, Embedding):
            yield node.operation
        elif inner is not None:
            outer_inputs = inner.match(node.args[0])
            for inner_input, outer in zip(
                inner.input_leaves, outer_inputs, strict=True
            ):
                if outer is tensor:
                    yield from _embeddings(inner, inner_input)


def _check_indices(array: Any, layer: Embedding) -> None:
    indices, size = np.asarray(array), layer.input_dim
    if indices.size == 0:
        return
    low, high = indices.min(), indices.max()
    start = f"Layer {layer.name!r} (Embedding) has input_dim={size}, so it needs"
    if low < 0 or high >= size:
        wrong = high if high >= size else low
        index = ", ".join(str(i) for i in np.argwhere(indices == wrong)[0])
        mend = f"Give it input_dim={int(high) + 1}, or renumber the indices."
        raise DataError(
            f"{start} indices from 0 to {size - 1}. In x they range from {low:.0f} to "
            f"{high:.0f}: x[{index}] = {wrong:.0f}. "
            f"{mend if low >= 0 else 'Renumber them from 0.'}"
        )
    index, value = _first_fraction(indices)
    if index is not None:
        raise DataError(
            f"{start} integer indices, but x[{index}] = {value}. Use a Dense layer for "
            "continuous values."
        )


def _first_fraction(values: np.ndarray) -> tuple[str | None, Any]:
    """Return the index of the first value that is not an integer, and the value."""
    if values.dtype.kind != "f" or (values == np.rint(values)).all():
        return None, None
    index = np.argwhere(values != np.rint(values))[0]
    return ", ".join(map(str, index)), values[tuple(index)]


def _labels_of(out: OutputPlan) -> str:
    return f"The labels of output {out.name!r}" if out.name else "The labels"


def _check_class_indices(true: Any, pred: Any, out: OutputPlan) -> None:
    classes = pred.shape[getattr(out.loss, "axis", -1) or -1]
    ignored = getattr(out.loss, "ignore_class", None)
    labels = np.asarray(true)
    low, high = labels.min(), labels.max()
    subject = _labels_of(out)
    if classes is None:
        return
    index, value = _first_fraction(labels)
    if index is not None:
        raise DataError(
            f"{subject} must be integer class indices for "
            f"'sparse_categorical_crossentropy', but y[{index}] = {value}. To predict "
            "continuous values, use a loss such as 'mse'."
        )
    outside = labels[(labels < 0) | (labels >= classes)]
    if outside.size == 0 or (ignored is not None and (outside == ignored).all()):
        return
    mend = "Renumber the labels from 0."
    if classes == 1 and low >= 0 and high <= 1:
        mend = "For two classes and one output use the loss 'binary_crossentropy'."
    elif low >= 0:
        mend = f"Give the last layer {int(high) + 1} units, or renumber the labels."
    raise DataError(
        f"{subject} range from {low} to {high}, but the model has {classes} outputs, "
        f"so class indices must be from 0 to {classes - 1}. {mend}"
    )


def _check_probabilities(true: Any, pred: Any, out: OutputPlan) -> None:
    low, high = float(np.min(true)), float(np.max(true))
    if low >= -1e-3 and high <= 1 + 1e-3:
        return
    raise DataError(
        f"{_labels_of(out)} range from {low:g} to {high:g}, but "
        f"{loss_kind(out.loss)!r} needs probabilities from 0 to 1. Renumber two "
        "classes to 0 and 1; for more classes use 'sparse_categorical_crossentropy'; "
        "for continuous values use 'mse', or scale them to 0 to 1."
    )


def check_class_weight(weights: Any, plan: Plan, y_pred: Any) -> None:
    """Raise for weights of classes that a model with one output does not have.

    Raises:
        ArgumentError: a class index is negative or too high.
    """
    if not weights or len(plan.outputs) != 1:
        return
    units = y_pred[0].shape[-1]
    kind = loss_kind(plan.outputs[0].loss)
    classes = 2 if units == 1 and kind.startswith("binary_") else units
    wrong = [k for k in weights if not 0 <= int(k) < (classes or int(k) + 1)]
    if wrong and kind.endswith("crossentropy"):
        raise ArgumentError(
            f"`class_weight` has the key {wrong[0]!r}, but the model has {classes} "
            f"classes, 0 to {classes - 1}. Remove the key."
        )


_LABEL_CHECKS: dict[str, Callable[[Any, Any, OutputPlan], None]] = {
    "sparse_categorical_crossentropy": _check_class_indices,
    "binary_crossentropy": _check_probabilities,
    "binary_focal_crossentropy": _check_probabilities,
}
