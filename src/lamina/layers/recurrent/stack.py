"""`StackedRNNCells`: several cells as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import jax

from lamina.core.check import Check
from lamina.layers.base import Layer, Options
from lamina.layers.recurrent.cells import zero_states
from lamina.typing import Array, DTypeLike, PartialShape


def is_cell(value: object) -> bool:
    """Return whether an object can be the cell of an `RNN`."""
    return hasattr(value, "call") and hasattr(value, "state_size")


class StackedRNNCells(Layer):
    """Stack of cells as one cell: each takes the output of the previous one.

    Args:
        cells: the cells, from input to output.

    Shape:
        (batch, features) and the states of each cell to (batch, output_size) and the
        new states.

    Raises:
        ArgumentError: the list is empty, or an item is not a cell.

    Example:
        >>> from lamina.layers import GRUCell, LSTMCell
        >>> stack = StackedRNNCells([LSTMCell(4), GRUCell(2)])
        >>> stack.state_size
        [[4, 4], 2]
    """

    arguments = {
        "cells": Check(
            "a list of cells, objects with `call` and `state_size`",
            lambda v: (
                isinstance(v, (list, tuple)) and len(v) > 0 and all(map(is_cell, v))
            ),
            (3, (), ("LSTMCell",)),
        )
    }

    def __init__(self, cells: Sequence[Any], **kwargs: Unpack[Options]) -> None:
        super().__init__(**kwargs)
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """The sizes of each cell's states."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """The size of the last cell's output."""
        return output_size_of(self.cells[-1])

    def build(self, input_shape: PartialShape) -> None:
        """Build the cells."""
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            input_shape = (input_shape[0], output_size_of(cell))

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """Return the initial states of each cell."""
        states = [
            initial_states(cell, batch_size, self.compute_dtype) for cell in self.cells
        ]
        return pack_states(self.cells, states)

    def call(self, inputs: Array, states: Any, training: bool | None = None) -> Any:
        new_states = []
        for cell, old in zip(self.cells, unpack_states(states), strict=True):
            step: Any = cell if callable(cell) else cell.call
            inputs, new = step(inputs, old)
            new_states.append(jax.tree.leaves(new))
        return inputs, pack_states(self.cells, new_states)


def pack_states(cells: Sequence[Any], states: Sequence[Any]) -> list[Any]:
    """Return the states of a stack's cells as users see them.

    As in Keras, the state of a cell without `get_initial_state`, whose `state_size` is
    a number, is an array; those of other cells are lists.
    """
    return [
        state[0] if _has_one_state(cell) else state
        for cell, state in zip(cells, states, strict=True)
    ]


def unpack_states(states: Sequence[Any]) -> list[Any]:
    """Return the states of a stack's cells as lists, which each cell takes."""
    return [s if isinstance(s, (list, tuple)) else [s] for s in states]


def _has_one_state(cell: Any) -> bool:
    return isinstance(cell.state_size, int) and not hasattr(cell, "get_initial_state")


def output_size_of(cell: Any) -> int:
    """Return the size of a cell's output; the size of its first state by default."""
    size = getattr(cell, "output_size", None) or cell.state_size
    return size[0] if isinstance(size, (list, tuple)) else size


def initial_states(cell: Any, batch_size: int, dtype: DTypeLike) -> list[Any]:
    """Return the initial states of a cell: its own, or zeros."""
    if not hasattr(cell, "get_initial_state"):
        return zero_states(cell.state_size, batch_size, dtype)
    states = cell.get_initial_state(batch_size=batch_size)
    return list(states) if isinstance(states, (list, tuple)) else [states]
