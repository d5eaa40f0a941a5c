"""Checks of a layer's inputs and losses, with hints on how to correct them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax

from lamina.core.graph import SymbolicTensor, is_symbolic
from lamina.core.module import Module
from lamina.core.scope import local
from lamina.errors import ArgumentError, ArgumentTypeError, ShapeError
from lamina.layers.base.lineage import (
    as_code,
    described,
    origin,
    previous_layer,
    returns_last_step,
)
from lamina.layers.base.spec import InputSpec, describe_shapes
from lamina.typing import Array, PartialShape, PyTree

_COLLAPSES = ("Flatten", "Global")
_CHANNELS = (1, 3, 4)


def check_inputs(
    layer: Module, spec: InputSpec | Sequence[InputSpec | None], inputs: PyTree
) -> None:
    """Raise `ShapeError` if an input does not fit the layer's spec."""
    specs = [spec] if isinstance(spec, InputSpec) else list(spec)
    leaves = jax.tree.leaves(inputs, is_leaf=lambda t: hasattr(t, "node"))
    subject = f"Layer {layer.name!r} ({type(layer).__name__})"
    invalid = [leaf for leaf in leaves if not hasattr(leaf, "shape")]
    if invalid:
        raise ArgumentTypeError(
            f"{subject} takes arrays or symbolic tensors. Received: {invalid[0]!r}. "
            + _type_hint(invalid[0])
        )
    if len(specs) != len(leaves):
        wanted, mend = f"{len(specs)} inputs", f"Pass a list of {len(specs)}."
        if len(specs) == 1:
            wanted, mend = "one input", "Merge them, as with layers.Concatenate()."
        raise ArgumentError(
            f"{subject} takes {wanted}, but got {len(leaves)}: "
            f"{describe_shapes(inputs)}. {mend}"
        )
    for one, leaf in zip(specs, leaves, strict=True):
        if one is None:
            continue
        shape = tuple(leaf.shape)
        problem = one.problem(shape)
        if problem is not None:
            needed, hint = problem
            hint = hint or _rank_hint(one, leaf)
            message = f"{subject} needs {needed}. It got one of shape {shape}. {hint}"
            raise ShapeError(message.rstrip())


def check_loss(layer: Module, loss: PyTree) -> None:
    """Check that a loss is not a symbolic tensor, which training cannot add.

    Raises:
        ArgumentTypeError: the loss is a symbolic tensor.
    """
    if is_symbolic([loss]):
        raise ArgumentTypeError(
            f"{type(layer).__name__} {layer.name!r}: `add_loss` takes arrays, not "
            "symbolic tensors. Add the loss in the `call` of a layer, and call that "
            "layer on the tensor: `def call(self, x): "
            "self.add_loss(ops.mean(x)); return x`."
        )


def _type_hint(value: object) -> str:
    if callable(value):
        return "Call that layer on an input first, and pass its output."
    return "Convert lists of numbers with `np.array(...)`."


def _rank_hint(spec: InputSpec, tensor: Array | SymbolicTensor) -> str:
    """Return a hint on how to correct an input of the wrong rank."""
    shape = tuple(tensor.shape)
    wanted = spec.ndim if spec.ndim is not None else spec.min_ndim
    missing = (wanted or len(shape)) - len(shape)
    previous = previous_layer(tensor)
    if previous is not None:
        return _after_layer(tensor, previous, missing)
    if getattr(tensor, "layer", None) is not None:
        return _of_input(shape, missing)
    return _of_array(spec, shape, missing)


def _after_layer(tensor: Array | SymbolicTensor, previous: Module, missing: int) -> str:
    layer, _ = origin(tensor)
    shape = tuple(tensor.shape)
    if missing == 1 and returns_last_step(layer):
        code = as_code(layer, return_sequences=True)
        return (
            f"The time axis ends in {described(layer)}, which returns only its last "
            f"step. Let it return all of them: {code}."
        )
    before = f"It comes from {described(previous)}."
    if missing > 0 and type(layer).__name__.startswith(_COLLAPSES):
        return f"{before} Remove {described(layer)}."
    if missing == -1 and None not in shape[1:]:
        merged = (-1, shape[-1]) if len(shape) > 3 else (-1,)
        return f"{before} Insert layers.Reshape({merged}) between them."
    return before


def _of_input(shape: PartialShape, missing: int) -> str:
    if missing == 1:
        return (
            "The last axis, that of channels or features, is missing. For gray images "
            f"and single series it has size 1: Input({(*shape[1:], 1)})."
        )
    if missing == -1:
        return (
            "There is one axis too many: the shape of an Input is given without the "
            f"batch axis, as in Input({shape[2:]})."
        )
    return ""


def _of_array(spec: InputSpec, shape: PartialShape, missing: int) -> str:
    if missing == 1:
        channels = spec.axes.get(-1, spec.axes.get(len(shape)))
        known = (channels,) if channels else _CHANNELS
        if len(shape) == 1 or (len(shape) > 2 and shape[-1] in known):
            return "A single row needs the batch axis too: `x[None]`."
        return (
            "The last axis, that of channels or features, is missing: `x[..., None]`."
        )
    if missing == -1 and 1 in shape[1:]:
        return f"Remove the axis of size 1: `np.squeeze(x, {shape.index(1, 1)})`."
    return ""


def call_note(layer: Module, error: Exception, args: tuple[Any, ...]) -> str:
    """Return a note for an error in a layer's `call`: the layer and its inputs."""
    path = "/".join(local.call.path) if local.call else layer.name
    kind = type(layer).__name__
    note = f"Raised in layer {path!r} ({kind}), called on {describe_shapes(args)}."
    inputs = args[0] if len(args) == 1 else None
    is_missing = isinstance(error, TypeError) and "missing" in str(error)
    if is_missing and f"{kind}.call()" in str(error) and isinstance(inputs, list):
        note += (
            " A list of inputs is one argument: define `call(self, inputs)`, which "
            "begins with `a, b = inputs`."
        )
    return note
