"""Comparison of arrays with the inputs of a graph, and errors for mismatches."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lamina.core.graph import SymbolicTensor
from lamina.errors import ArgumentError, ShapeError
from lamina.typing import PartialShape


def fitted_shape(
    wanted: Sequence[int | None], shape: Sequence[int], exact: bool
) -> tuple[int, ...] | None:
    """Return the shape to which an array is reshaped for an input, `None` for no fit.

    Args:
        wanted: the input's shape.
        shape: the array's shape; a last axis of 1 may be missing or additional.
        exact: whether sizes of rows must be equal, not only the rank. The batch size
            is not compared: as in Keras, an Input's batch size is only a hint.
    """
    if len(shape) == len(wanted) - 1 and wanted[-1] == 1:
        shape = (*shape, 1)
    elif len(shape) == len(wanted) + 1 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != len(wanted) or (exact and not sizes_agree(wanted[1:], shape[1:])):
        return None
    return tuple(shape)


def input_error(
    tensor: SymbolicTensor, shape: tuple[int, ...], to_train: bool = False
) -> ShapeError:
    """Return the error for an array that does not fit an input.

    Args:
        tensor: the input.
        shape: the array's shape.
        to_train: whether the array is training data, so that the model can be changed
            and the first axis is the batch axis.
    """
    hint = (_training_hint if to_train else _calling_hint)(tensor.shape, shape)
    return ShapeError(
        f"Input {tensor.name!r} takes arrays of shape {tensor.shape}, with None for "
        f"any size. Received: shape {shape}. "
        + (hint or _common_hint(tensor.shape, shape)),
        code="input-shape",
    )


def missing_input(
    key: object, names: list[object], given: list[object]
) -> ArgumentError:
    """Return the error for data that lacks an input.

    Args:
        key: the input that is missing.
        names: the inputs of the model.
        given: the keys of the data.
    """
    mend = "The keys are names of inputs: Input(..., name=...)."
    if {"x", "y"} <= set(map(str, given)):
        mend = "For data and labels, use a tuple: (x, y)."
    return ArgumentError(
        f"The model's inputs are {names}; {key!r} is missing. Received: {given}. {mend}"
    )


def _training_hint(wanted: PartialShape, shape: tuple[int, ...]) -> str:
    rank = len(shape)
    if rank == len(wanted) and not _is_channels_first(wanted, shape):
        return f"Make the model for such rows: Input({shape[1:]})."
    if 1 < rank == len(wanted) - 1 and sizes_agree(wanted[2:], shape[1:]):
        return _batch_axis_hint(shape[1:])
    if rank == len(wanted) - 1 and sizes_agree(wanted[1:], shape):
        return "This is one row: data needs the batch axis too, (rows, ...)."
    return ""


def _calling_hint(wanted: PartialShape, shape: tuple[int, ...]) -> str:
    rank = len(shape)
    if rank == len(wanted) and not _is_channels_first(wanted, shape):
        return f"Pass rows of shape {wanted[1:]}."
    if wanted[-1] == 1 and sizes_agree(wanted[1:-1], shape):
        return "A single row needs the batch and channel axes: `x[None, ..., None]`."
    if rank != len(wanted) - 1:
        return ""
    batch_axis = (
        _batch_axis_hint(shape[1:]) if sizes_agree(wanted[2:], shape[1:]) else ""
    )
    if not sizes_agree(wanted[1:], shape):
        return batch_axis
    single = "A single row needs the batch axis too: `x[None]`."
    # With an Input of unknown length, the array may be one row or several.
    several = batch_axis and rank > 1 and wanted[1] is None
    return f"{single} If these are several rows: {batch_axis}" if several else single


def _batch_axis_hint(row: tuple[int, ...]) -> str:
    return f"The shape of an Input is given without the batch axis: Input({row})."


def _common_hint(wanted: PartialShape, shape: tuple[int, ...]) -> str:
    row = wanted[1:]
    if _is_channels_first(wanted, shape):
        return "The channel axis must be the last one: `np.moveaxis(x, 1, -1)`."
    channels = row[-1] if len(row) > 1 and sizes_agree(row[:-1], shape[1:]) else None
    if channels is not None:
        return (
            f"The axis of {channels} channels is missing: "
            f"`np.repeat(x[..., None], {channels}, -1)`."
        )
    if len(shape) == len(wanted) + 1 and 1 in shape[1:]:
        return f"Remove the axis of size 1: `np.squeeze(x, {shape.index(1, 1)})`."
    known = [n for n in row if n is not None]
    if len(known) == len(row) and math.prod(known) == math.prod(shape[1:]):
        return f"Reshape the rows: `x.reshape({(-1, *known)})`."
    return f"Each row must have the shape {row}."


def _is_channels_first(wanted: PartialShape, shape: tuple[int, ...]) -> bool:
    """Return whether only the channel axis of images is at the wrong position."""
    moved = (shape[0], *shape[2:], *shape[1:2]) if shape else ()
    return len(shape) == len(wanted) > 3 and sizes_agree(wanted, moved)


def sizes_agree(one: PartialShape, other: PartialShape) -> bool:
    """Return whether two shapes have the same rank, and equal sizes where known."""
    return len(one) == len(other) and all(
        n == m or None in (n, m) for n, m in zip(one, other, strict=True)
    )
