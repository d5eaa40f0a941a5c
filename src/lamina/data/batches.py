"""Segments of an epoch on the device, and their batches inside a program."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.dtypes import shape_to_trace
from lamina.core.tracing.trace_state import platform
from lamina.data.rows import cut, gather, leaves, map_rows
from lamina.data.shuffle import OrderWindows, order_windows
from lamina.typing import Array, PyTree

Index: TypeAlias = Array | int
# Whole arrays, with their order if they are shuffled; stacked batches and the index of
# the first one; or a batch.
Data: TypeAlias = tuple[Any, ...]
# The index of a block in the order, and its rows.
Block: TypeAlias = tuple[Array, PyTree]


class Order(NamedTuple):
    """Rows of a window of epochs."""

    rows: Any  # numbers of rows, one epoch's after the other's
    start: Any  # index of the first position of the first epoch, or where it would be


# Number of batches that are gathered at once.
INNER_CHUNK = 25
_BLOCK = 4 * 2**20  # bytes
# XLA does not divide gathers from arrays of at most so many bytes.
UNDIVIDED = 2**18
_NO_END = 2**31 - 1


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

    def windows(self, data: Data) -> OrderWindows:
        """Return the windows of the orders of shuffled rows."""
        rows = leaves(data[0])[0].shape[0]
        return order_windows(rows, self.stride, INNER_CHUNK)

    def ordered(
        self, data: Data, seed: int, epoch: int, i: int, epochs: int = 1
    ) -> Data:
        """Return the data with a window of the order, if it is shuffled.

        Args:
            data: the data.
            seed: the seed of the run.
            epoch: the first epoch.
            i: a batch of that epoch that the window has.
            epochs: number of epochs that it has.
        """
        if not self.shuffled:
            return data
        windows = self.windows(data)
        found = windows.at(seed & 0xFFFFFFFF, epoch, i, epochs)
        start = (epoch - found.epoch) * windows.positions - found.start
        return data[0], Order(found.rows, np.int32(start))

    def prepare(self, data: Data) -> None:
        """Compute a window of the order that may be next, while a program runs."""
        if self.shuffled:
            self.windows(data).prepare()

    def most_epochs(self, data: Data) -> int:
        """Return the largest number of epochs that one window has."""
        return self.windows(data).epochs if self.shuffled else _NO_END

    def end(self, data: Data, i: int) -> int:
        """Return one past the last batch of the window that has batch `i`."""
        if not self.shuffled:
            return _NO_END
        count = self.windows(data).batches
        return (i // count + 1) * count

    def block(self, data: Data, first: Index, epoch: Index = 0) -> Block | None:
        """Gather the rows of `INNER_CHUNK` batches of an epoch from `first` on.

        On a CPU, XLA divides a gather from a large array among threads, so that one
        large gather is faster than many small ones. Return `None` if arrays are small,
        if there is nothing to gather, or too much for a dispatch of few steps.
        """
        if platform() != "cpu" or not self.shuffled or self.size != self.stride:
            return None
        arrays = leaves(data[0])
        rows = arrays[0].shape[0]
        if max(a.nbytes for a in arrays) <= UNDIVIDED:
            return None
        wanted = min(INNER_CHUNK * self.size, rows)
        if wanted * sum(a.nbytes // rows for a in arrays) > _BLOCK:
            return None
        index = self._index(data, first * self.size, epoch)
        begin = jnp.minimum(index, data[1].rows.shape[0] - wanted)
        return begin, self._gathered(data, begin, wanted)

    def take(
        self, data: Data, i: Index, block: Block | None = None, epoch: Index = 0
    ) -> PyTree:
        """Return batch `i` of an epoch, counted from that of the data's order."""
        if self.kind == "batch":
            return data
        if self.kind == "stack":
            stack, first = data
            return jax.tree.map(lambda a: a[i - first], stack)
        if block is None:
            return self._rows(data, i * self.stride, self.size, epoch)
        begin, arrays = block
        start = self._index(data, i * self.stride, epoch) - begin
        return map_rows(lambda a: cut(a, start, self.size), arrays)

    def take_rest(self, data: Data, epoch: Index = 0) -> PyTree:
        """Return the last, smaller batch of an epoch."""
        start = leaves(data[0])[0].shape[0] - self.rest
        return self._rows(data, start, self.rest, epoch)

    def _rows(self, data: Data, start: Index, count: int, epoch: Index) -> PyTree:
        if not self.shuffled:
            return map_rows(lambda a: cut(a, start, count), data[0])
        return self._gathered(data, self._index(data, start, epoch), count)

    def _index(self, data: Data, position: Index, epoch: Index) -> Any:
        """Return the index in the order of a position of an epoch."""
        rows = leaves(data[0])[0].shape[0]
        # Only windows of whole epochs have several.
        return data[1].start + epoch * rows + position

    def _gathered(self, data: Data, index: Index, count: int) -> PyTree:
        # Indices are in bounds and unique, since an order is a permutation.
        rows = jax.lax.dynamic_slice_in_dim(data[1].rows, index, count)
        return map_rows(lambda a: gather(a, rows), data[0])

    def numbered(self, data: Data, seed: int, epoch: int, i: int) -> tuple[PyTree, Any]:
        """Return batch `i` of the epoch, and its rows' numbers in the data if known."""
        data = self.ordered(data, seed, epoch, i)
        if self.kind != "rows":
            return self.take(data, i), None
        rows = leaves(data[0])[0].shape[0]
        start, count = i * self.stride, self.size
        if self.rest and i >= self.full(data):
            start, count = rows - self.rest, self.rest
        numbers: Any = start + np.arange(count)
        if self.shuffled:
            numbers = np.asarray(data[1].rows)[data[1].start + numbers]
        return self._rows(data, start, count, 0), numbers

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
