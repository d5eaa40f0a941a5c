"""Segments of an epoch on the device, and their batches inside a program."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from lamina.core.dtypes import shape_to_trace
from lamina.data.rows import cut, gather, leaves, map_rows
from lamina.data.shuffle import shuffled
from lamina.typing import Array, PyTree

Index: TypeAlias = Array | int
# The seed and the epoch, which determine the order of rows.
Run: TypeAlias = tuple[Index, Index]
# Whole arrays and `None`; stacked batches and the index of the first one; or a batch.
Data: TypeAlias = tuple[Any, ...]
# The first row of a block, and its rows.
Block: TypeAlias = tuple[Array, PyTree]

# Number of batches that are gathered at once.
INNER_CHUNK = 25
_BLOCK = 4 * 2**20  # bytes


class Batches(NamedTuple):
    """Location of the batches of an epoch in a segment's data.

    Args:
        kind: `"rows"`: the data is whole arrays; `"stack"`: it is batches stacked along
            a first axis, and the index of the first one; `"batch"`: it is one batch.
        size: rows in each of these batches.
        stride: rows in a full batch: batch `i` starts at row `i * stride`.
        rest: rows in a last, smaller batch of the same program, or 0.
        shuffled: whether the rows are shuffled each epoch.
    """

    kind: str
    size: int = 0
    stride: int = 0
    rest: int = 0
    shuffled: bool = False

    def block(self, data: Data, run: Run, first: Index) -> Block | None:
        """Gather the rows of `INNER_CHUNK` batches from `first` on.

        One large gather is faster than many small ones. Return `None` if there is
        nothing to gather, or too much for a dispatch of few steps.
        """
        if not self.shuffled or self.size != self.stride:
            return None
        arrays = leaves(data[0])
        rows = arrays[0].shape[0]
        wanted = min(INNER_CHUNK * self.size, rows)
        if wanted * sum(a.nbytes // rows for a in arrays) > _BLOCK:
            return None
        start = jnp.minimum(first * self.size, rows - wanted)
        return start, self._rows(data, run, start, wanted)

    def take(
        self, data: Data, run: Run, i: Index, block: Block | None = None
    ) -> PyTree:
        """Return batch `i` of the epoch."""
        if self.kind == "batch":
            return data
        if self.kind == "stack":
            stack, first = data
            return jax.tree.map(lambda a: a[i - first], stack)
        if block is None:
            return self._rows(data, run, i * self.stride, self.size)
        begin, arrays = block
        return map_rows(lambda a: cut(a, i * self.stride - begin, self.size), arrays)

    def take_rest(self, data: Data, run: Run) -> PyTree:
        """Return the last, smaller batch of the epoch."""
        start = leaves(data[0])[0].shape[0] - self.rest
        return self._rows(data, run, start, self.rest)

    def _rows(self, data: Data, run: Run, start: Index, count: int) -> PyTree:
        arrays = data[0]
        if not self.shuffled:
            return map_rows(lambda a: cut(a, start, count), arrays)
        # Indices are in bounds and unique, since an order is a permutation.
        rows = leaves(arrays)[0].shape[0]
        indices = shuffled(start + jnp.arange(count), rows, *run)
        return map_rows(lambda a: gather(a, indices), arrays)

    def numbered(self, data: Data, run: Run, i: int) -> tuple[PyTree, Any]:
        """Return batch `i` of the epoch, and its rows' numbers in the data if known."""
        if self.kind != "rows":
            return self.take(data, run, i), None
        rows = leaves(data[0])[0].shape[0]
        start, count = i * self.stride, self.size
        if self.rest and i >= self.full(data):
            start, count = rows - self.rest, self.rest
        numbers = start + jnp.arange(count)
        if self.shuffled:
            numbers = shuffled(numbers, rows, *run)
        return self._rows(data, run, start, count), numbers

    def full(self, data: Data) -> int:
        """Return the number of batches before the smaller one."""
        return leaves(data[0])[0].shape[0] // self.size

    def specs(self, data: Data) -> list[Any]:
        """Return the shapes of a batch, and of the smaller one if any."""

        def spec(*rows: int) -> PyTree:
            return map_rows(
                lambda a: shape_to_trace((*rows, *a.shape[1:]), a.dtype), data[0]
            )

        if self.kind == "stack":
            return [spec()]
        return [spec(size) for size in (self.size, self.rest) if size]


class Segment(NamedTuple):
    """Data on the device, and the batches of an epoch that it contains."""

    data: Data
    batches: Batches
    first: int
    last: int
    short: bool = False  # True if it is a whole epoch of few batches
    # Position of a stream: batches of the epoch, and the stream's state after them.
    before: tuple[int, PyTree] | None = None
    after: tuple[int, PyTree] | None = None
