"""Feeds: data as the training loop takes it, as whole arrays or stacks of batches.

A feed yields segments. A segment is data on the device that holds consecutive batches;
the loop may run it in any number of dispatches.
"""

from __future__ import annotations

import functools
import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Protocol

import jax
import numpy as np

from lamina.data.arrays import Parts, num_rows
from lamina.data.batches import INNER_CHUNK, Batches, Segment
from lamina.data.prefetch import prefetch
from lamina.data.rows import for_dispatch, transfer
from lamina.data.streams import Source, State
from lamina.errors import DataError
from lamina.runtime.placement import current, is_shared, put_batch, put_shares
from lamina.tracebacks import warn
from lamina.typing import PyTree

# Largest number of batches of an epoch that is one segment, remainder included.
_SHORT = 4 * INNER_CHUNK
_STACK_BYTES = 16 * 2**20
# Largest number of batches of a stream that are transferred together.
STACK_STEPS = 64
_STACK_SECONDS = 0.1
# The same if several processes train.
_SHARED_STEPS = 8
_AHEAD = 3  # stacks

# Takes arrays, and whether they are all the data.
DataCheck = Callable[[Parts, bool], None]


class Feed(Protocol):
    """Data as the training loop takes it, epoch by epoch."""

    # Batches in an epoch, `None` if that is not known.
    steps: int | None
    # True if all data is on the device, so that an epoch never needs the host.
    is_resident: bool
    # True if batches have only the rows of this process.
    is_share: bool

    def example(self) -> Parts:
        """Return a full batch, or the shapes and types of its arrays."""
        ...

    def sample(self) -> Parts:
        """Return the available data: all arrays, or a stream's first batch."""
        ...

    def check(self, function: DataCheck) -> None:
        """Call a function with all arrays now, or with each batch of a stream."""

    def segments(self, epoch: int, join: bool = False) -> Generator[Segment]:
        """Yield the segments of an epoch, each with batches of one shape.

        Args:
            epoch: the epoch, which determines the order of rows.
            join: whether a smaller last batch may be in the segment of the others.
        """
        ...

    def transfer(self) -> None:
        """Put all data on the device, for more dispatches than one."""

    def batches(self) -> Iterator[Parts]:
        """Yield the batches of the first epoch one by one."""
        ...

    def track_state(self) -> None:
        """Record positions in segments, for `seek` in another process."""

    def seek(self, epoch: int, first: int, state: State) -> None:
        """Start the next epoch at batch `first` of this one.

        Args:
            epoch: the epoch.
            first: number of its batches to skip.
            state: position in the data, from the last segment.
        """


class ArrayFeed(Feed):
    """Feed of arrays on the device, whose batches are gathered in the program.

    An epoch follows from seed and epoch, so there is no state to track.

    Args:
        arrays: a tuple (x, y, sample_weight) of trees of arrays; parts may be `None`.
        batch_size: rows in a batch; the last one of an epoch may be smaller.
        shuffle: whether rows are shuffled each epoch.
        steps: batches in an epoch, if fewer than there are.
    """

    is_resident = True
    is_share = False

    def __init__(
        self,
        arrays: Parts,
        batch_size: int,
        shuffle: bool = False,
        steps: int | None = None,
    ) -> None:
        rows = num_rows(arrays, "the data")
        self.batch_size, self.shuffle = min(batch_size, rows), shuffle
        self.full, self.rest = divmod(rows, self.batch_size)
        if steps is not None and steps <= self.full:
            self.full, self.rest = steps, 0
        self.steps = self._steps = self.full + (self.rest > 0)
        self._arrays = arrays
        self._data = jax.tree.map(for_dispatch, arrays), None
        self._is_on_device = False

    def segments(self, epoch: int, join: bool = False) -> Generator[Segment]:
        """Yield an epoch's full batches, then the remainder; see `Feed`."""
        data, size, last = self._data, self.batch_size, self._steps
        short = last <= _SHORT
        batches = Batches("rows", size, size, 0, self.shuffle)
        if not self.rest:
            yield Segment(data, batches, 0, last, short)
        elif short and join:
            yield Segment(data, batches._replace(rest=self.rest), 0, last, True)
        else:
            yield Segment(data, batches, 0, self.full)
            yield Segment(data, batches._replace(size=self.rest), self.full, last)

    def transfer(self) -> None:
        """Put small arrays on the device; see `Feed`."""
        if not self._is_on_device:
            self._data = jax.tree.map(transfer, self._data[0]), None
            self._is_on_device = True

    def example(self) -> Parts:
        """Return the shapes and types of a full batch."""
        return next(self.segments(0)).batches.specs(self._data)[0]

    def sample(self) -> Parts:
        """Return all arrays."""
        return self._arrays

    def check(self, function: DataCheck) -> None:
        """Call a function with all arrays; see `Feed`."""
        function(self._arrays, True)

    def batches(self) -> Iterator[Parts]:
        """Yield the batches one by one, in the order of the rows."""
        for i in range(self._steps):
            rows = slice(i * self.batch_size, (i + 1) * self.batch_size)
            yield jax.tree.map(lambda a, rows=rows: a[rows], self._arrays)


class StreamFeed(Feed):
    """Feed of batches from an iterable, stacked and transferred in advance.

    Args:
        source: source of each epoch's batches.
        most: maximum number of batches in a stack.
        is_share: whether batches have only the rows of this process.
    """

    is_resident = False

    def __init__(
        self, source: Source, most: int = STACK_STEPS, is_share: bool = False
    ) -> None:
        self._source, self.steps, self.most = source, source.steps, most
        self.is_share = is_share
        self._tracks_state = False
        self._example: Parts | None = None
        # The epoch that `example` began.
        self._begun: Iterator[Parts] | None = None
        self._first = 0
        self._position: State = None
        self._check: DataCheck = lambda *_: None

    def example(self) -> Parts:
        """Return the first batch; the epoch yields it again.

        Raises:
            DataError: the iterable yields nothing.
        """
        if self._example is None:
            batches = iter(self._source.batches(0))
            self._example = next(batches, None)
            if self._example is None:
                raise DataError(
                    "The data yielded no batch. A generator can be iterated only once: "
                    "pass a fresh one, or an object that can be iterated again."
                )
            self._begun = itertools.chain([self._example], batches)
        return self._example

    def sample(self) -> Parts:
        """Return the first batch as arrays; the epoch yields it again."""
        return jax.tree.map(np.asarray, self.example())

    def check(self, function: DataCheck) -> None:
        """Call a function with the first batch now, and later with each batch."""
        self._check = function
        function(self.example(), False)

    def batches(self) -> Iterator[Parts]:
        """Yield the batches one by one."""
        return prefetch(self._batches(0), _AHEAD)

    def track_state(self) -> None:
        """Record positions in segments.

        A checkpoint has the state of one loader, but each process's share is another.
        """
        self._tracks_state = not self.is_share

    def seek(self, epoch: int, first: int, state: State) -> None:
        """Start the next epoch at batch `first` of this one; see `Feed`."""
        self._position, self._first = state, first
        if state is not None and state[1] is None:
            return  # the stream is at its start already
        if self._source.seek(epoch, state):
            self._begun = None
            return
        warn(
            f"The data is read again from its beginning up to batch {first} of "
            f"epoch {epoch + 1}, which takes time and is right only if it yields the "
            "same again. Iterators with `get_state` and `set_state` resume directly."
        )
        self._first = 0
        for earlier in range(epoch):
            deque(self._batches(earlier), maxlen=0)
        self._first = first

    def segments(self, epoch: int, join: bool = False) -> Generator[Segment]:
        """Yield the epoch's batches in stacks, prepared by a thread."""
        first, before = self._first, self._position
        # A thread puts the stacks on the devices, and has no call in progress.
        place = put_shares if self.is_share else put_batch
        put = functools.partial(place, axis=1, distribution=current())
        most, seconds = self.most, _STACK_SECONDS
        if is_shared():  # stacks of several processes must not depend on time
            most, seconds = min(most, _SHARED_STEPS), math.inf
        stacks = _stacks(self._with_states(epoch), most, seconds, put)
        for stack, count, state in prefetch(stacks, _AHEAD):
            data, batches = (stack, np.int32(first)), Batches("stack")
            after = None if state is None else (first + count, state)
            if before is None and state is not None:
                before = 0, None
            yield Segment(data, batches, first, first + count, False, before, after)
            first, before = first + count, after
        self._position = before and (0, before[1])

    def _with_states(self, epoch: int) -> Iterator[tuple[PyTree, PyTree]]:
        for batch in self._batches(epoch):
            self._check(batch, False)
            yield batch, self._source.state() if self._tracks_state else None

    def _batches(self, epoch: int) -> Iterator[Parts]:
        first, self._first = self._first, 0
        begun, self._begun = self._begun, None
        if begun is not None:
            return itertools.islice(begun, first, None)
        return iter(self._source.batches(epoch, first))


def _stacks(
    batches: Iterator[tuple[PyTree, PyTree]],
    most: int,
    seconds: float,
    put: Callable[[PyTree], PyTree],
) -> Iterator[tuple[PyTree, int, PyTree]]:
    """Yield stacks of equally shaped batches, bounded in number, bytes and time."""
    held: list[PyTree] = []
    shape: PyTree = None
    after: PyTree = None
    began, room = 0.0, most
    for batch, state in batches:
        new = jax.tree.map(lambda a: (a.shape, a.dtype), batch)
        if held and new != shape:
            yield put(_stack(held, room)), len(held), after
            held = []
        if not held:
            shape, began = new, time.monotonic()
            size = sum(a.nbytes for a in jax.tree.leaves(batch))
            room = max(1, min(most, _STACK_BYTES // max(size, 1)))
        held.append(batch)
        after = state
        if len(held) == room or time.monotonic() - began > seconds:
            yield put(_stack(held, room)), len(held), after
            held = []
    if held:
        yield put(_stack(held, room)), len(held), after


def _stack(batches: list[PyTree], room: int) -> PyTree:
    """Stack batches along a first axis of size `room`; the rest is undefined."""

    def join(*arrays: np.ndarray) -> np.ndarray:
        out = np.empty((room, *arrays[0].shape), arrays[0].dtype)
        np.stack(arrays, out=out[: len(arrays)])
        return out

    return jax.tree.map(join, *batches)
