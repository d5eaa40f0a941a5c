"""What to write for labels and outputs whose shapes do not fit together."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import jax
import numpy as np

from lamina.core.graph import SymbolicTensor
from lamina.layers.base.lineage import as_code, described, origin, returns_last_step

__all__ = ["SPARSE", "Misfit", "explanation"]

Shape = tuple[int | None, ...]

SPARSE = "sparse_categorical_crossentropy"
_ONE_HOT = "categorical_crossentropy"


class Misfit:
    """Labels and an output that do not fit together.

    Args:
        name: the output's name, if it has one.
        kind: the loss's name.
        labels: the labels, an array or its shape.
        pred: the output, with its node if a graph makes it.
        to_train: whether the loss may still be changed; otherwise the labels must.
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
        """The values of the labels at one position; 0 for one without an axis."""
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
        """The labels' axes of time or of an image."""
        has_axis = self.width > 0 or (self.true[-1:] == (1,) and self.made != (1,))
        return self.true[:-1] if has_axis else self.true

    @cached_property
    def values(self) -> np.ndarray:
        """The labels on the host; empty where only their shape is known."""
        known = isinstance(self.labels, (np.ndarray, jax.Array))
        return np.asarray(self.labels) if known else np.empty(0)

    @cached_property
    def is_one_hot(self) -> bool:
        """Whether each row of the labels is one 1 among zeros."""
        values = self.values
        if values.ndim < 2 or values.shape[-1] < 2:
            return False
        single = (values != 0).sum(-1) == 1
        return bool((single & ((values == 1).sum(-1) == 1)).all())

    def are_classes(self, count: int | None = None) -> bool:
        """Return whether labels are whole numbers from 0, below `count` if given."""
        values = self.values
        if values.size == 0 or values.dtype.kind not in "iubf" or values.min() < 0:
            return False
        whole = bool((values == np.rint(values)).all())
        return whole and (count is None or bool(values.max() < count))


def explanation(misfit: Misfit) -> str:
    """Say what is wrong and which line mends it; empty if nothing better is known."""
    what = _wrong_positions(misfit) or _wrong_width(misfit)
    if not what:
        return ""
    owner = f"Output {misfit.name!r}" if misfit.name else "The model's output"
    return (
        f"{owner} has shape {(None, *misfit.made)}, and the labels have shape "
        f"{tuple(misfit.labels.shape)}{what}"
    )


def _wrong_positions(misfit: Misfit) -> str:
    """Axes of time or of an image that only one side has."""
    source, made = origin(misfit.pred)
    extra = len(misfit.made) - 1 - len(misfit.positions)
    if extra > 0:
        return f"; {_left_over(misfit.made[:-1][-extra:], source, made)}"
    steps = misfit.true[0] if misfit.true else None
    if steps and returns_last_step(source):
        before = made.node.inputs[0].shape
        if len(before) == 3 and before[1] in (None, steps) and not misfit.is_one_hot:
            code = as_code(source, return_sequences=True)
            return (
                f", one for each of {steps} steps, but "
                f"{described(source)} returns only the last step. Let it return all "
                f"of them: {code}."
            )
    return ""


def _left_over(axes: Shape, source: Any, made: Any) -> str:
    sizes = " and ".join(str(n or "unknown") for n in axes)
    many = len(axes) > 1
    what = f"the {'axes of sizes' if many else 'axis of size'} {sizes} "
    what += "are left over" if many else "is left over"
    if source is None:
        if getattr(made, "layer", None) is None:
            return f"{what}. Put before the last layer: layers.Flatten()."
        return f"{what} from the input. Put before the first layer: layers.Flatten()."
    start = f"{what} from {described(source)}"
    if getattr(source, "return_sequences", False):
        code = as_code(source, return_sequences=False)
        return f"{start}, which returns all steps. Let it return the last: {code}."
    return f"{start}. Add after it: {_collapsing(source, made)}."


def _collapsing(layer: Any, made: Any) -> str:
    """The layer that takes axes of time or of an image away."""
    rank, sizes = len(made.shape), made.shape[1:]
    is_model = getattr(layer, "_graph", None) is not None
    name = type(layer).__name__
    # What comes from words or attention: no place means more than another.
    is_sequence = rank == 3 and not name.startswith(("Conv", "MaxP", "Average"))
    if (is_model or is_sequence or None in sizes) and rank in (3, 4, 5):
        return f"layers.GlobalAveragePooling{rank - 2}D()"
    return "layers.Flatten()"


def _wrong_width(misfit: Misfit) -> str:
    """A last axis of another size, or of another meaning."""
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
            ": two one-hot columns, where one unit takes the "
            "class number 0 or 1. Give `y.argmax(-1)` as labels."
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
    text = f": {what}, but {SPARSE!r} takes class numbers. "
    if not misfit.to_train:
        return f"{text}Give `y.argmax(-1)` as labels."
    if width != units:
        text += f"{_with_units(misfit, width)} And "
    return f"{text}{'c' if width != units else 'C'}ompile with loss={_ONE_HOT!r}."


def _one_value(misfit: Misfit, units: int) -> str:
    """One number for each output of several units."""
    classes = misfit.are_classes(units)
    start = f": one number for {units} units"
    if misfit.kind.startswith("categorical"):
        if not classes:
            return (
                f"{start}. {_with_units(misfit, 1, None)} And compile with loss='mse'."
            )
        if misfit.kind == _ONE_HOT and misfit.to_train:
            return (
                f"{start}, the number of its class, but {misfit.kind!r} takes one-hot "
                f"columns. Compile with loss={SPARSE!r}."
            )
        return (
            f"{start}, the number of its class, but {misfit.kind!r} takes one-hot "
            f"columns. Give `to_categorical(y, {units})` as labels."
        )
    if misfit.kind.startswith("binary"):
        return f"{start}. {_with_units(misfit, 1, 'sigmoid')}"
    if classes:
        return (
            f"{start}. If these are classes, compile with loss={SPARSE!r}. If they "
            f"measure something, {_lower(_with_units(misfit, 1, None))}"
        )
    return f"{start}. {_with_units(misfit, 1)}"


def _counted(units: int) -> str:
    return "1 unit" if units == 1 else f"{units} units"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _with_units(misfit: Misfit, count: int, *activation: str | None) -> str:
    """Say how to write the last layer with another number of units."""
    layer = _last_layer(misfit.pred)
    size = next((n for n in ("units", "filters") if hasattr(layer, n)), None)
    if size is None:
        return f"Let the last layer have {count} units."
    changes = {size: count}
    if activation and getattr(layer, "activation", None) is not None:
        code = as_code(layer, **changes, activation=activation[0])
    else:
        code = as_code(layer, **changes)
    return f"Let the model end in {code}."


def _last_layer(pred: Any) -> Any:
    """The layer that an output ends in, activations aside."""
    node = getattr(pred, "node", None)
    while node is not None:
        layer = node.operation
        inner = getattr(getattr(layer, "_graph", None), "outputs", None)
        if isinstance(inner, SymbolicTensor):
            node = inner.node
        elif type(layer).__name__ in ("Activation", "Softmax"):
            node = node.inputs[0].node
        else:
            return layer
    return None
