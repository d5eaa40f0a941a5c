"""Mistakes in the data that can be seen before the first step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from lamina.errors import ArgumentError, DataError
from lamina.layers import Embedding
from lamina.training.plan import Plan, loss_kind

__all__ = ["check_class_weight", "check_data"]


def check_data(
    arrays: Any, plan: Plan | None, y_pred: Any, graph: Any = None, finite: bool = True
) -> None:
    """Raise for values that training would turn into garbage.

    Args:
        arrays: `(x, y, sample_weight)`, of the whole data or of a batch.
        plan: losses by output; `None` without labels.
        y_pred: shapes of the outputs, in the plan's order.
        graph: the model's, if it has one.
        finite: whether to look for values that are not finite.

    Raises:
        DataError: there are values that are not finite, an index in x that an
            Embedding lacks, or labels that the loss can't take.
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
        look = _LABELS.get(loss_kind(out.loss))
        if look is not None and labels is not None and np.size(labels):
            look(labels, pred, out)


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
    if indices.size == 0:
        return
    low, high = indices.min(), indices.max()
    who = f"Layer {layer.name!r} (Embedding) has input_dim={size}, so it takes indices"
    if low < 0 or high >= size:
        wrong = high if high >= size else low
        place = ", ".join(str(i) for i in np.argwhere(indices == wrong)[0])
        mend = f"Give it input_dim={int(high) + 1}, or renumber the indices."
        raise DataError(
            f"{who} 0 to {size - 1}. In x they go from {low:.0f} to {high:.0f}: "
            f"x[{place}] = {wrong:.0f}. "
            f"{mend if low >= 0 else 'Renumber them from 0 on.'}"
        )
    place, value = _first_broken(indices)
    if place is not None:
        raise DataError(
            f"{who}, which are whole numbers. x[{place}] = {value}. Numbers that "
            "measure something go into a Dense layer instead."
        )


def _first_broken(values: np.ndarray) -> tuple[str | None, Any]:
    """The place of the first value that is no whole number, and the value."""
    if values.dtype.kind != "f" or (values == np.rint(values)).all():
        return None, None
    place = np.argwhere(values != np.rint(values))[0]
    return ", ".join(map(str, place)), values[tuple(place)]


def _owner(out: Any) -> str:
    return f"The labels of output {out.name!r}" if out.name else "The labels"


def _check_class_indices(true: Any, pred: Any, out: Any) -> None:
    classes = pred.shape[getattr(out.loss, "axis", -1) or -1]
    ignored = getattr(out.loss, "ignore_class", None)
    labels = np.asarray(true)
    low, high = labels.min(), labels.max()
    who = _owner(out)
    if classes is None:
        return
    place, value = _first_broken(labels)
    if place is not None:
        raise DataError(
            f"{who} must be class indices, which are whole numbers, for "
            f"'sparse_categorical_crossentropy'. y[{place}] = {value}. To predict "
            "numbers, use a loss such as 'mse'."
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
        f"{who} go from {low} to {high}, but the model has {classes} outputs, so class "
        f"indices must be 0 to {classes - 1}. {mend}"
    )


def _check_probabilities(true: Any, pred: Any, out: Any) -> None:
    low, high = float(np.min(true)), float(np.max(true))
    if low >= -1e-3 and high <= 1 + 1e-3:
        return
    raise DataError(
        f"{_owner(out)} go from {low:g} to {high:g}, but {loss_kind(out.loss)!r} takes "
        "0, 1 or a chance between them: it has no lowest value for other labels. "
        "Renumber two classes to 0 and 1; for more use 'sparse_categorical_"
        "crossentropy'; for numbers use 'mse', or scale them to 0 to 1."
    )


def check_class_weight(weights: Any, plan: Plan, y_pred: Any) -> None:
    """Raise for weights of classes that a model with one output doesn't have.

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
            f"classes, 0 to {classes - 1}."
        )


_LABELS: dict[str, Callable[[Any, Any, Any], None]] = {
    "sparse_categorical_crossentropy": _check_class_indices,
    "binary_crossentropy": _check_probabilities,
    "binary_focal_crossentropy": _check_probabilities,
}
