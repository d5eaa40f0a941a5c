"""Hints for inputs of the wrong rank."""

from __future__ import annotations

from typing import Any

from lamina.layers.base.lineage import (
    as_code,
    described,
    origin,
    previous_layer,
    returns_last_step,
)

_COLLAPSES = ("Flatten", "Global")
_CHANNELS = (1, 3, 4)


def rank_hint(spec: Any, tensor: Any) -> str:
    """Return a hint on how to correct an input of the wrong rank.

    Args:
        spec: the `InputSpec` of the layer.
        tensor: the array or symbolic tensor that the layer received.
    """
    shape = tuple(tensor.shape)
    wanted = spec.ndim if spec.ndim is not None else spec.min_ndim
    missing = (wanted or len(shape)) - len(shape)
    if previous_layer(tensor) is not None:
        return _after_layer(tensor, shape, missing)
    if getattr(tensor, "layer", None) is not None:
        return _of_input(shape, missing)
    return _of_array(spec, shape, missing)


def _after_layer(tensor: Any, shape: tuple[int | None, ...], missing: int) -> str:
    layer, _ = origin(tensor)
    if missing == 1 and returns_last_step(layer):
        code = as_code(layer, return_sequences=True)
        return (
            f"The time axis ends in {described(layer)}, which returns only its last "
            f"step. Let it return all of them: {code}."
        )
    before = f"It comes from {described(previous_layer(tensor))}."
    if missing > 0 and type(layer).__name__.startswith(_COLLAPSES):
        return f"{before} Remove {described(layer)}."
    if missing == -1 and None not in shape[1:]:
        merged = (-1, shape[-1]) if len(shape) > 3 else (-1,)
        return f"{before} Insert layers.Reshape({merged}) between them."
    return before


def _of_input(shape: tuple[int | None, ...], missing: int) -> str:
    if missing == 1:
        return (
            "The last axis, that of channels or features, is missing. For grey images "
            f"and single series it has size 1: Input({(*shape[1:], 1)})."
        )
    if missing == -1:
        return (
            "There is one axis too many: the shape of an Input is given without the "
            f"batch axis, as in Input({shape[2:]})."
        )
    return ""


def _of_array(spec: Any, shape: tuple[int | None, ...], missing: int) -> str:
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
