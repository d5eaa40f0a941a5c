"""Compare arrays with the inputs of a graph, and explain what does not fit."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lamina.core.graph import SymbolicTensor
from lamina.errors import ShapeError

__all__ = ["fitted_shape", "input_error"]

Sizes = tuple[int | None, ...]


def fitted_shape(
    wanted: Sequence[int | None], shape: Sequence[int], exact: bool
) -> tuple[int, ...] | None:
    """Return the shape an array takes as an input; `None` if it does not fit.

    Args:
        wanted: the input's shape.
        shape: the array's; a last axis of 1 may be missing or too much.
        exact: whether sizes of rows must be equal, not only the rank. The batch size
            of an Input is a size to plan for, as in Keras; any other works too.
    """
    if len(shape) == len(wanted) - 1 and wanted[-1] == 1:
        shape = (*shape, 1)
    elif len(shape) == len(wanted) + 1 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != len(wanted) or (exact and not _alike(wanted[1:], shape[1:])):
        return None
    return tuple(shape)


def input_error(
    tensor: SymbolicTensor, shape: tuple[int, ...], to_train: bool = False
) -> ShapeError:
    """Return the error for an array that is not what an input takes.

    Args:
        tensor: the input.
        shape: the array's shape.
        to_train: whether the model can still be changed, and rows are counted by the
            first axis.
    """
    hint = (_training_hint if to_train else _calling_hint)(tensor.shape, shape)
    return ShapeError(
        f"Input {tensor.name!r} takes arrays of shape {tensor.shape}, None standing "
        f"for any size. It got one of shape {shape}. "
        + (hint or _common_hint(tensor.shape, shape))
    )


def _training_hint(wanted: Sizes, shape: tuple[int, ...]) -> str:
    rank = len(shape)
    if rank == len(wanted) and not _is_channels_first(wanted, shape):
        return f"Make the model for such rows: Input({shape[1:]})."
    if rank == len(wanted) - 1 and _alike(wanted[2:], shape[1:]):
        return _batch_axis_hint(shape[1:])
    return ""


def _calling_hint(wanted: Sizes, shape: tuple[int, ...]) -> str:
    rank = len(shape)
    if rank == len(wanted) and not _is_channels_first(wanted, shape):
        return f"Give it rows of shape {wanted[1:]}."
    if rank != len(wanted) - 1:
        return ""
    batch_axis = _batch_axis_hint(shape[1:]) if _alike(wanted[2:], shape[1:]) else ""
    if not _alike(wanted[1:], shape):
        return batch_axis
    single = "A single row needs the batch axis too: `x[None]`."
    # Of an Input of unknown length, both may be meant.
    several = batch_axis and wanted[1] is None and rank > 1
    return f"{single} If these are several rows: {batch_axis}" if several else single


def _batch_axis_hint(row: tuple[int, ...]) -> str:
    return f"The shape of an Input is given without the batch axis: Input({row})."


def _common_hint(wanted: Sizes, shape: tuple[int, ...]) -> str:
    row = wanted[1:]
    if _is_channels_first(wanted, shape):
        return "The channel axis must be the last one: `np.moveaxis(x, 1, -1)`."
    channels = row[-1] if len(row) > 1 and _alike(row[:-1], shape[1:]) else None
    if channels is not None:
        return (
            f"The axis of {channels} channels is missing: "
            f"`np.repeat(x[..., None], {channels}, -1)`."
        )
    if len(shape) == len(wanted) + 1 and 1 in shape[1:]:
        return f"Drop the axis of size 1: `np.squeeze(x, {shape.index(1, 1)})`."
    known = [n for n in row if n is not None]
    if len(known) == len(row) and math.prod(known) == math.prod(shape[1:]):
        return f"Give each row that shape: `x.reshape({(-1, *known)})`."
    return f"Each row must have the shape {row}."


def _is_channels_first(wanted: Sizes, shape: tuple[int, ...]) -> bool:
    """Return whether only the channel axis of images stands in the wrong place."""
    moved = (shape[0], *shape[2:], *shape[1:2]) if shape else ()
    return len(shape) == len(wanted) > 3 and _alike(wanted, moved)


def _alike(wanted: Sequence[int | None], shape: Sequence[int]) -> bool:
    if len(wanted) != len(shape):
        return False
    return all(w in (None, n) for w, n in zip(wanted, shape, strict=True))
