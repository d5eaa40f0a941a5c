"""Explanations of labels and outputs whose shapes do not match."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from lamina.core.graph import SymbolicTensor
from lamina.core.module import Module
from lamina.layers.base import Layer
from lamina.layers.base.call_graph import graph_of
from lamina.layers.base.lineage import as_code, described, origin, returns_last_step
from lamina.training.checks.label_values import Labels, labels_of
from lamina.training.checks.output_nodes import Output, nodes_of
from lamina.typing import Array, PartialShape

SPARSE = "sparse_categorical_crossentropy"
_ONE_HOT = "categorical_crossentropy"


class Misfit:
    """Labels and an output whose shapes do not match.

    Args:
        name: the output's name, if it has one.
        kind: the loss's name.
        labels: the labels, an array or its shape.
        pred: the output, with its node if a graph computes it.
        to_train: whether the loss can still be changed, rather than only the labels.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        labels: np.ndarray | Array,
        pred: Output,
        to_train: bool,
    ) -> None:
        self.name, self.kind, self.labels, self.pred = name, kind, labels, pred
        self.to_train = to_train
        # Without the batch axis.
        self.true: PartialShape = tuple(labels.shape[1:])
        self.made: PartialShape = tuple(pred.shape[1:])

    @cached_property
    def width(self) -> int:
        """Size of the labels at one position; 0 for one value without an axis."""
        true, made = self.true, self.made
        if not true or true == made[:-1] or true[-1] == 1:
            return 0
        if self.kind == SPARSE and not self.is_one_hot and true != made:
            return 0
        return int(true[-1] or 0)

    @property
    def positions(self) -> PartialShape:
        """Sizes of the time or image axes of the labels."""
        has_axis = self.width > 0 or (self.true[-1:] == (1,) and self.made != (1,))
        return self.true[:-1] if has_axis else self.true

    @cached_property
    def values(self) -> Labels | None:
        """The labels' values, if they are known and are numbers."""
        return labels_of(self.labels)

    @property
    def is_one_hot(self) -> bool:
        """True if the labels are one-hot."""
        return self.values is not None and self.values.are_one_hot

    def are_classes(self, count: int) -> bool:
        """Return whether labels are integers from 0 to below `count`."""
        values = self.values
        if values is None or not values.are_integers:
            return False
        return values.range[0] >= 0 and values.range[1] < count


def explanation(misfit: Misfit) -> str:
    """Explain the mismatch and its remedy, or return an empty string if unknown."""
    owner = f"Output {misfit.name!r}" if misfit.name else "The model's output"
    if misfit.kind == "ctc" and len(misfit.made) != 2:
        return f"{owner} has shape {(None, *misfit.made)}{_without_steps(misfit)}"
    what = _wrong_positions(misfit) or _wrong_width(misfit)
    if not what:
        return ""
    return (
        f"{owner} has shape {(None, *misfit.made)}, and the labels have shape "
        f"{tuple(misfit.labels.shape)}{what}"
    )


def _without_steps(misfit: Misfit) -> str:
    """Explain an output that does not have class scores for each step."""
    source, _ = origin(misfit.pred)
    text = ", but 'ctc' needs class scores for each step: (rows, steps, classes)."
    if not returns_last_step(source):
        return text
    return f"{text} Return all steps: {as_code(source, return_sequences=True)}."


def _wrong_positions(misfit: Misfit) -> str:
    """Explain a mismatch of the time or image axes, or return an empty string."""
    source, made = origin(misfit.pred)
    extra = len(misfit.made) - 1 - len(misfit.positions)
    if extra > 0:
        return f"; {_extra_axes(misfit.made[:-1][-extra:], source, made)}"
    steps = misfit.true[0] if misfit.true else None
    if not steps or not returns_last_step(source) or misfit.is_one_hot:
        return ""
    before = made.node.inputs[0].shape
    if len(before) != 3 or before[1] not in (None, steps):
        return ""
    return (
        f", one for each of {steps} steps, but {described(source)} returns only the "
        f"last step. Return all steps: {as_code(source, return_sequences=True)}."
    )


def _extra_axes(axes: PartialShape, source: Layer | None, made: SymbolicTensor) -> str:
    sizes = " and ".join(str(n or "unknown") for n in axes)
    what = f"the axis of size {sizes} remains"
    if len(axes) > 1:
        what = f"the axes of sizes {sizes} remain"
    if source is None:
        if getattr(made, "layer", None) is None:
            return f"{what}. Add before the last layer: layers.Flatten()."
        return f"{what} from the input. Add before the first layer: layers.Flatten()."
    start = f"{what} from {described(source)}"
    if getattr(source, "return_sequences", False):
        code = as_code(source, return_sequences=False)
        return f"{start}, which returns all steps. Return the last step: {code}."
    return f"{start}. Add after it: {_collapsing(source, made)}."


def _collapsing(layer: Layer, made: SymbolicTensor) -> str:
    """Return code for a layer that removes the time or image axes."""
    rank, sizes = len(made.shape), made.shape[1:]
    is_model = graph_of(layer) is not None
    # Sequences of words or attention outputs: average over positions.
    is_image = type(layer).__name__.startswith(("Conv", "MaxP", "Average"))
    averages = is_model or None in sizes or (rank == 3 and not is_image)
    if averages and rank in (3, 4, 5):
        return f"layers.GlobalAveragePooling{rank - 2}D()"
    return "layers.Flatten()"


def _wrong_width(misfit: Misfit) -> str:
    """Explain a mismatch of the last axis, or return an empty string."""
    width, units = misfit.width, misfit.made[-1] if misfit.made else None
    if units is None:
        return ""
    if misfit.kind == SPARSE:
        return _sparse(misfit, units)
    if width == 0 and units > 1:
        return _one_value(misfit, units)
    if width in (0, units):
        return ""
    if (
        misfit.is_one_hot
        and misfit.kind.startswith("binary")
        and (width, units) == (2, 1)
    ):
        return (
            ": two one-hot columns, but one unit needs the class index 0 or 1. Pass "
            "`y.argmax(-1)` as labels."
        )
    what = "one-hot columns" if misfit.is_one_hot else "columns"
    counted = "1 unit" if units == 1 else f"{units} units"
    return f": {width} {what} for {counted}. {_ending(misfit, width)}"


def _sparse(misfit: Misfit, units: int) -> str:
    """Explain labels with several columns for a loss of class indices."""
    if misfit.width == 0:
        return ""
    what = "one-hot classes" if misfit.is_one_hot else "one column for each class"
    mend = f"Compile with loss={_ONE_HOT!r}."
    if not misfit.to_train:
        mend = "Pass `y.argmax(-1)` as labels."
    elif misfit.width != units:
        end = _ending(misfit, misfit.width)
        mend = f"{end} And compile with loss={_ONE_HOT!r}."
    return f": {what}, but {SPARSE!r} needs class indices. {mend}"


def _one_value(misfit: Misfit, units: int) -> str:
    """Explain labels with one value for several units."""
    kind, what = misfit.kind, f": one value for {units} units"
    if kind.startswith("binary"):
        return f"{what}. {_ending(misfit, 1, activation='sigmoid')}"
    linear = _ending(misfit, 1, activation=None)
    if not misfit.are_classes(units):
        if kind.startswith("categorical"):
            return f"{what}. {linear} And compile with loss='mse'."
        return f"{what}. {_ending(misfit, 1)}"
    if not kind.startswith("categorical"):
        return (
            f"{what}. If these are classes, compile with loss={SPARSE!r}. If "
            f"they are continuous values: {linear[0].lower()}{linear[1:]}"
        )
    mend = f"Pass `to_categorical(y, {units})` as labels."
    if kind == _ONE_HOT and misfit.to_train:
        mend = f"Compile with loss={SPARSE!r}."
    return f"{what}, its class index, but {kind!r} needs one-hot columns. {mend}"


def _ending(misfit: Misfit, count: int, **activation: str | None) -> str:
    """Return advice to give the last layer `count` units."""
    nodes = nodes_of(misfit.pred)
    skipped = ("Activation", "Softmax")
    layer = next(
        (n.operation for n in nodes if type(n.operation).__name__ not in skipped), None
    )
    size = next((n for n in ("units", "filters") if hasattr(layer, n)), None)
    if size is None or not isinstance(layer, Module):
        return f"Give the last layer {count} units."
    if getattr(layer, "activation", None) is None:
        activation = {}
    return f"End the model in {as_code(layer, **{size: count}, **activation)}."
