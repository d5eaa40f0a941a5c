"""Explanations of labels and outputs whose shapes do not match."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import jax
import numpy as np

from lamina.core.graph import SymbolicTensor
from lamina.layers.base.call_graph import graph_of
from lamina.layers.base.lineage import as_code, described, origin, returns_last_step

Shape = tuple[int | None, ...]

SPARSE = "sparse_categorical_crossentropy"
_ONE_HOT = "categorical_crossentropy"


class Misfit:
    """Labels and an output whose shapes do not match.

    Args:
        name: the output's name, if it has one.
        kind: the loss's name.
        labels: the labels, an array or its shape.
        pred: the output, with its node if a graph computes it.
        to_train: whether the loss can still be changed; otherwise the labels must.
    """

    def __init__(
        self, name: str, kind: str, labels: Any, pred: Any, to_train: bool
    ) -> None:
        self.name, self.kind, self.labels, self.pred = name, kind, labels, pred
        self.to_train = to_train
        # Without the batch axis.
        self.true: Shape = tuple(labels.shape[1:])
        self.made: Shape = tuple(pred.shape[1:])

    @cached_property
    def width(self) -> int:
        """Size of the labels at one position; 0 for one value without an axis."""
        true, made = self.true, self.made
        if not true or true == made[:-1]:
            return 0
        if true[-1] == 1:
            return 0
        if self.kind == SPARSE:
            looks_wide = self.is_one_hot or true == made
            return int(true[-1] or 0) if looks_wide else 0
        return int(true[-1] or 0)

    @property
    def positions(self) -> Shape:
        """Axes of time or of an image in the labels."""
        has_axis = self.width > 0 or (self.true[-1:] == (1,) and self.made != (1,))
        return self.true[:-1] if has_axis else self.true

    @cached_property
    def values(self) -> np.ndarray:
        """The labels as a NumPy array; empty if only their shape is known."""
        known = isinstance(self.labels, (np.ndarray, jax.Array))
        return np.asarray(self.labels) if known else np.empty(0)

    @cached_property
    def is_one_hot(self) -> bool:
        """True if the labels are one-hot."""
        values = self.values
        if values.ndim < 2 or values.shape[-1] < 2:
            return False
        single = (values != 0).sum(-1) == 1
        return bool((single & ((values == 1).sum(-1) == 1)).all())

    def are_classes(self, count: int | None = None) -> bool:
        """Return whether labels are integers from 0, below `count` if given."""
        values = self.values
        if values.size == 0 or values.dtype.kind not in "iubf" or values.min() < 0:
            return False
        whole = bool((values == np.rint(values)).all())
        return whole and (count is None or bool(values.max() < count))


def explanation(misfit: Misfit) -> str:
    """Explain the mismatch and how to mend it; empty if the cause is unknown."""
    what = _wrong_positions(misfit) or _wrong_width(misfit)
    if not what:
        return ""
    owner = f"Output {misfit.name!r}" if misfit.name else "The model's output"
    return (
        f"{owner} has shape {(None, *misfit.made)}, and the labels have shape "
        f"{tuple(misfit.labels.shape)}{what}"
    )


def _wrong_positions(misfit: Misfit) -> str:
    """Explain axes of time or of an image that only one side has."""
    source, made = origin(misfit.pred)
    extra = len(misfit.made) - 1 - len(misfit.positions)
    if extra > 0:
        return f"; {_extra_axes(misfit.made[:-1][-extra:], source, made)}"
    steps = misfit.true[0] if misfit.true else None
    if steps and returns_last_step(source):
        before = made.node.inputs[0].shape
        if len(before) == 3 and before[1] in (None, steps) and not misfit.is_one_hot:
            code = as_code(source, return_sequences=True)
            return (
                f", one for each of {steps} steps, but "
                f"{described(source)} returns only the last step. Return all steps: "
                f"{code}."
            )
    return ""


def _extra_axes(axes: Shape, source: Any, made: Any) -> str:
    sizes = " and ".join(str(n or "unknown") for n in axes)
    many = len(axes) > 1
    what = f"the {'axes of sizes' if many else 'axis of size'} {sizes} "
    what += "remain" if many else "remains"
    if source is None:
        if getattr(made, "layer", None) is None:
            return f"{what}. Add before the last layer: layers.Flatten()."
        return f"{what} from the input. Add before the first layer: layers.Flatten()."
    start = f"{what} from {described(source)}"
    if getattr(source, "return_sequences", False):
        code = as_code(source, return_sequences=False)
        return f"{start}, which returns all steps. Return the last step: {code}."
    return f"{start}. Add after it: {_collapsing(source, made)}."


def _collapsing(layer: Any, made: Any) -> str:
    """Return code for a layer that removes axes of time or of an image."""
    rank, sizes = len(made.shape), made.shape[1:]
    is_model = graph_of(layer) is not None
    name = type(layer).__name__
    # Sequences of words or attention outputs: average over positions.
    is_sequence = rank == 3 and not name.startswith(("Conv", "MaxP", "Average"))
    if (is_model or is_sequence or None in sizes) and rank in (3, 4, 5):
        return f"layers.GlobalAveragePooling{rank - 2}D()"
    return "layers.Flatten()"


def _wrong_width(misfit: Misfit) -> str:
    """Explain a last axis of another size or meaning."""
    width, units = misfit.width, misfit.made[-1] if misfit.made else None
    if units is None:
        return ""
    if misfit.kind == SPARSE:
        return _sparse(misfit, units)
    if width == 0 and units > 1:
        return _one_value(misfit, units)
    binary = misfit.kind.startswith("binary") and (width, units) == (2, 1)
    if binary and misfit.is_one_hot:
        return (
            ": two one-hot columns, but one unit needs the "
            "class index 0 or 1. Pass `y.argmax(-1)` as labels."
        )
    if width > 0 and width != units:
        what = "one-hot columns" if misfit.is_one_hot else "columns"
        return f": {width} {what} for {_counted(units)}. {_with_units(misfit, width)}"
    return ""


def _sparse(misfit: Misfit, units: int) -> str:
    width = misfit.width
    if width == 0:
        return ""
    what = "one-hot classes" if misfit.is_one_hot else "one column for each class"
    text = f": {what}, but {SPARSE!r} needs class indices. "
    if not misfit.to_train:
        return f"{text}Pass `y.argmax(-1)` as labels."
    if width != units:
        text += f"{_with_units(misfit, width)} And "
    return f"{text}{'c' if width != units else 'C'}ompile with loss={_ONE_HOT!r}."


def _one_value(misfit: Misfit, units: int) -> str:
    """Explain labels with one value for several units."""
    classes = misfit.are_classes(units)
    start = f": one value for {units} units"
    if misfit.kind.startswith("categorical"):
        if not classes:
            return (
                f"{start}. {_with_units(misfit, 1, None)} And compile with loss='mse'."
            )
        if misfit.kind == _ONE_HOT and misfit.to_train:
            return (
                f"{start}, its class index, but {misfit.kind!r} needs one-hot "
                f"columns. Compile with loss={SPARSE!r}."
            )
        return (
            f"{start}, its class index, but {misfit.kind!r} needs one-hot "
            f"columns. Pass `to_categorical(y, {units})` as labels."
        )
    if misfit.kind.startswith("binary"):
        return f"{start}. {_with_units(misfit, 1, 'sigmoid')}"
    if classes:
        return (
            f"{start}. If these are classes, compile with loss={SPARSE!r}. If they "
            f"are continuous values, {_lower(_with_units(misfit, 1, None))}"
        )
    return f"{start}. {_with_units(misfit, 1)}"


def _counted(units: int) -> str:
    return "1 unit" if units == 1 else f"{units} units"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _with_units(misfit: Misfit, count: int, *activation: str | None) -> str:
    """Return how to write the last layer with another number of units."""
    layer = _last_layer(misfit.pred)
    size = next((n for n in ("units", "filters") if hasattr(layer, n)), None)
    if size is None:
        return f"Give the last layer {count} units."
    changes = {size: count}
    if activation and getattr(layer, "activation", None) is not None:
        code = as_code(layer, **changes, activation=activation[0])
    else:
        code = as_code(layer, **changes)
    return f"End the model in {code}."


def _last_layer(pred: Any) -> Any:
    """Return the layer that computes an output, without activations."""
    node = getattr(pred, "node", None)
    while node is not None:
        layer = node.operation
        graph = graph_of(layer)
        if graph is not None and isinstance(graph.outputs, SymbolicTensor):
            node = graph.outputs.node
        elif type(layer).__name__ in ("Activation", "Softmax"):
            node = node.inputs[0].node
        else:
            return layer
    return None
