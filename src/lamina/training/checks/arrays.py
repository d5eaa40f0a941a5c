"""Checks of the values of data before the first step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from lamina.core.creation import created_at
from lamina.core.graph import SymbolicTensor
from lamina.data.arrays import Parts
from lamina.errors import ArgumentError, DataError
from lamina.layers import Embedding
from lamina.layers.base.call_graph import CallGraph, graph_of
from lamina.losses.base import Loss
from lamina.training.checks.output_nodes import Output, nodes_of
from lamina.training.plan.arguments import loss_kind
from lamina.training.plan.plan import Plan
from lamina.typing import Array, ArrayLike


def check_data(
    arrays: Parts,
    plan: Plan | None,
    y_pred: Sequence[Output],
    graph: CallGraph | None = None,
    finite: bool = True,
) -> None:
    """Raise for values that the model or the loss cannot use.

    Args:
        arrays: `(x, y, sample_weight)`, of the whole data or of a batch.
        plan: losses by output; `None` without labels.
        y_pred: shapes of the outputs, in the plan's order.
        graph: the model's graph, if it has one.
        finite: whether to check that values are finite.

    Raises:
        DataError: a value is complex or not finite, an index in x is out of range for
            an Embedding, or labels are invalid for the loss.
    """
    x, y, _ = arrays
    if finite:
        for what, part in zip(("x", "y", "sample_weight"), arrays, strict=True):
            for path, leaf in jax.tree_util.tree_leaves_with_path(part):
                _check_finite(leaf, f"{what}{jax.tree_util.keystr(path)}")
    if graph is not None:
        for tensor, array in zip(graph.input_leaves, graph.match(x), strict=True):
            _check_real(array, tensor)
            for layer in _embeddings(graph, tensor):
                _check_indices(array, layer)
    if plan is None or y is None:
        return
    for out, labels, pred in zip(plan.outputs, plan.labels(y), y_pred, strict=True):
        check = _LABEL_CHECKS.get(loss_kind(out.loss))
        if check is not None and labels is not None and np.size(labels):
            what = f"The labels of output {out.name!r}" if out.name else "The labels"
            check(np.asarray(labels), pred, out.loss, what)


def _check_finite(array: Array | np.ndarray, what: str) -> None:
    if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
        return
    # A sum is cheaper than testing each value.
    with np.errstate(all="ignore"):
        if np.isfinite(float(array.sum())):
            return
    bad = ~np.isfinite(np.asarray(array, np.float32))
    if not bad.any():
        return
    index = _first(bad)
    rows = int(bad.reshape(len(bad), -1).any(axis=1).sum())
    raise DataError(
        f"{what} has values that are not finite in {rows} of {len(bad)} rows; the "
        f"first is {what}{index} = {array[tuple(index)]}. Remove or fill them, as with "
        f"`np.nan_to_num({what})`, or pass `check_data=False` if the model handles "
        "them.",
        code="values-not-finite",
    )


def _check_real(array: Any, tensor: SymbolicTensor) -> None:
    kind = getattr(getattr(array, "dtype", None), "kind", "")
    if kind == "c" and np.dtype(tensor.dtype).kind != "c":
        raise DataError(
            f"x holds complex numbers, but input {tensor.name!r} takes {tensor.dtype}. "
            "Pass real and imaginary parts, as np.stack([x.real, x.imag], axis=-1)."
        )


def _embeddings(graph: CallGraph, tensor: object) -> Iterator[Embedding]:
    """Yield the Embeddings that take an input of a graph directly."""
    for node in graph.nodes:
        if not any(t is tensor for t in node.inputs):
            continue
        inner = graph_of(node.operation)
        if isinstance(node.operation, Embedding):
            yield node.operation
        elif inner is not None:
            pairs = zip(inner.input_leaves, inner.match(node.args[0]), strict=True)
            for inner_input in (t for t, outer in pairs if outer is tensor):
                yield from _embeddings(inner, inner_input)


def _check_indices(array: ArrayLike | None, layer: Embedding) -> None:
    indices, size = np.asarray(array), layer.input_dim
    if array is None or indices.size == 0:
        return
    low, high = indices.min(), indices.max()
    start = f"Layer {layer.name!r} (Embedding) has input_dim={size}, so it needs"
    _check_integers(indices, "x", f"{start} integer indices", "Use a Dense layer for")
    if low < 0 or high >= size:
        wrong = high if high >= size else low
        mend = "Renumber them from 0."
        if low >= 0:
            mend = f"Give it input_dim={int(high) + 1}, or renumber the indices."
        raise DataError(
            f"{start} indices from 0 to {size - 1}. In x they range from {low:.0f} to "
            f"{high:.0f}: x{_first(indices == wrong)} = {wrong:.0f}. {mend}",
            code="embedding-index",
            where=created_at(layer),
        )


def _first(wrong: np.ndarray) -> list[int]:
    """Return the index of the first true element."""
    return np.argwhere(wrong)[0].tolist()


def _check_integers(values: np.ndarray, what: str, needed: str, mend: str) -> None:
    if values.dtype.kind != "f" or (values == np.rint(values)).all():
        return
    index = _first(values != np.rint(values))
    raise DataError(
        f"{needed}, but {what}{index} = {values[tuple(index)]}. {mend} continuous "
        "values.",
        code="label-values" if what == "y" else "embedding-index",
    )


def _check_class_indices(true: np.ndarray, pred: Output, loss: Loss, what: str) -> None:
    classes = pred.shape[getattr(loss, "axis", -1) or -1]
    if classes is None:
        return
    needed = f"{what} must be integer class indices for {loss_kind(loss)!r}"
    _check_integers(true, "y", needed, "Use a loss such as 'mse' for")
    outside = true[(true < 0) | (true >= classes)]
    ignored = getattr(loss, "ignore_class", None)
    if outside.size == 0 or (ignored is not None and (outside == ignored).all()):
        return
    low, high = true.min(), true.max()
    mend, where = "Renumber the labels from 0.", ""
    if classes == 1 and low >= 0 and high <= 1:
        mend = "For two classes and one output use the loss 'binary_crossentropy'."
    elif low >= 0:
        mend = f"Give the last layer {int(high) + 1} units, or renumber the labels."
        last = next(nodes_of(pred), None)
        where = created_at(last.operation) if last else ""
    raise DataError(
        f"{what} range from {low} to {high}, but the model has {classes} outputs, "
        f"so class indices must be from 0 to {classes - 1}. {mend}",
        code="label-values",
        where=where,
    )


def _check_probabilities(true: np.ndarray, pred: Output, loss: Loss, what: str) -> None:
    low, high = float(true.min()), float(true.max())
    if low < -1e-3 or high > 1 + 1e-3:
        raise DataError(
            f"{what} range from {low:g} to {high:g}, but {loss_kind(loss)!r} needs "
            "probabilities from 0 to 1. Renumber two classes to 0 and 1; for more "
            "classes use 'sparse_categorical_crossentropy'; for continuous values use "
            "'mse', or scale them to 0 to 1.",
            code="label-values",
        )


def check_class_weight(
    weights: Mapping[int, float] | None, plan: Plan, y_pred: Sequence[Output]
) -> None:
    """Raise for weights of classes that a model with one output does not have.

    Raises:
        ArgumentError: a class index is negative or too high.
    """
    if not weights or len(plan.outputs) != 1:
        return
    units, kind = y_pred[0].shape[-1], loss_kind(plan.outputs[0].loss)
    classes = 2 if units == 1 and kind.startswith("binary_") else units
    wrong = [k for k in weights if not 0 <= int(k) < (classes or int(k) + 1)]
    if classes and wrong and kind.endswith("crossentropy"):
        raise ArgumentError(
            f"`class_weight` has the key {wrong[0]!r}, but the model has {classes} "
            f"classes, 0 to {classes - 1}. Remove the key.",
            code="class-weight",
        )


_LABEL_CHECKS: dict[str, Callable[[np.ndarray, Any, Any, str], None]] = {
    "sparse_categorical_crossentropy": _check_class_indices,
    "binary_crossentropy": _check_probabilities,
    "binary_focal_crossentropy": _check_probabilities,
}
