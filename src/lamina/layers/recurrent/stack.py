"""Several cells as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.core.check import Check
from lamina.layers.base.layer import Layer
from lamina.layers.recurrent.cells import zero_states

__all__ = ["StackedRNNCells", "first_states", "is_cell"]


def is_cell(value: Any) -> bool:
    """Whether an object can be the cell of an `RNN`."""
    return hasattr(value, "call") and hasattr(value, "state_size")


class StackedRNNCells(Layer):
    """Several cells as one: each takes the output of the one before.

    Args:
        cells: the cells, the one next to the input first.

    Example:
        >>> from lamina.layers import GRUCell, LSTMCell
        >>> stack = StackedRNNCells([LSTMCell(4), GRUCell(2)])
        >>> stack.state_size
        [[4, 4], 2]

    Raises:
        ArgumentError: there are no cells, or something else is among them.
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

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
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

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Build the cells."""
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            input_shape = (input_shape[0], output_size_of(cell))

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """Where each cell begins."""
        return [
            first_states(cell, batch_size, self.compute_dtype) for cell in self.cells
        ]

    def call(self, inputs: Any, states: Any, training: bool | None = None) -> Any:
        new_states = []
        for cell, old in zip(self.cells, states, strict=True):
            run: Any = cell if callable(cell) else cell.call
            inputs, new = run(inputs, old)
            new_states.append(new)
        return inputs, new_states


def output_size_of(cell: Any) -> int:
    """The size of a cell's output: that of its first state unless it says another."""
    size = getattr(cell, "output_size", None) or cell.state_size
    return size[0] if isinstance(size, (list, tuple)) else size


def first_states(cell: Any, batch_size: int, dtype: Any) -> list[Any]:
    """Where a cell begins: what it says itself, else zeros."""
    if not hasattr(cell, "get_initial_state"):
        return zero_states(cell.state_size, batch_size, dtype)
    states = cell.get_initial_state(batch_size=batch_size)
    return list(states) if isinstance(states, (list, tuple)) else [states]
