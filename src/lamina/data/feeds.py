"""Feeds: data as the training loop takes it, as whole arrays or stacks of batches.

A feed yields segments. A segment is data on the device that holds consecutive batches;
the loop may run it in any number of dispatches.
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from lamina.data.arrays import num_rows
from lamina.data.rows import Rows, cut, gather, map_rows, on_device
from lamina.data.shuffle import shuffled
from lamina.errors import DataError
from lamina.runtime.interrupts import item_of

# The seed and the epoch, which determine the order of rows.
Run = tuple[Any, Any]

# Number of batches that are gathered at once.
INNER_CHUNK = 25
_BLOCK = 4 * 2**20  # bytes
# Largest number of batches of an epoch that is one segment, remainder included.
_SHORT = 4 * INNER_CHUNK
_STACK_BYTES = 16 * 2**20
# Largest number of batches of a stream that are transferred together.
STACK_STEPS = 64
_STACK_SECONDS = 0.1


class Batches(NamedTuple):
    """Location of the batches of an epoch in a segment's data.

    Args:
        kind: `"rows"`: the data is whole arrays; `"stack"`: it is batches stacked along
            a first axis, and the index of the first one.
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

    def block(self, data: Any, run: Run, first: Any) -> Any:
        """Gather the rows of `INNER_CHUNK` batches from `first` on.

        One large gather is faster than many small ones. Return `None` if there is
        nothing to gather, or too much for a dispatch of few steps.
        """
        if not self.shuffled or self.size != self.stride:
            return None
        arrays = data[0]
        rows = _rows(arrays)
        wanted = min(INNER_CHUNK * self.size, rows)
        if wanted * sum(a.nbytes // rows for a in _leaves(arrays)) > _BLOCK:
            return None
        start = jnp.minimum(first * self.size, rows - wanted)
        return start, _gather(arrays, run, start, wanted)

    def take(self, data: Any, run: Run, i: Any, block: Any = None) -> Any:
        """Return batch `i` of the epoch."""
        if self.kind == "stack":
            stack, first = data
            return jax.tree.map(lambda a: a[i - first], stack)
        if block is None:
            return self._rows(data, run, i * self.stride, self.size)
        begin, arrays = block
        return _slice(arrays, i * self.stride - begin, self.size)

    def take_rest(self, data: Any, run: Run) -> Any:
        """Return the last, smaller batch of the epoch."""
        start = _rows(data[0]) - self.rest
        return self._rows(data, run, start, self.rest)

    def _rows(self, data: Any, run: Run, start: Any, count: int) -> Any:
        if self.shuffled:
            return _gather(data[0], run, start, count)
        return _slice(data[0], start, count)

    def full(self, data: Any) -> int:
        """Return the number of batches before the smaller one."""
        return _rows(data[0]) // self.size

    def specs(self, data: Any) -> list[Any]:
        """Return the shapes of a batch, and of the smaller one if any."""
        stacked = self.kind == "stack"

        def spec(size: int) -> Any:
            def one(a: Any) -> jax.ShapeDtypeStruct:
                shape = a.shape[1:] if stacked else (size, *a.shape[1:])
                return jax.ShapeDtypeStruct(shape, a.dtype)

            return map_rows(one, data[0])

        return [spec(size) for size in (self.size, self.rest) if size or stacked]


class Segment(NamedTuple):
    """Data on the device, and the batches of an epoch that it contains."""

    data: Any
    batches: Batches
    first: int
    last: int
    short: bool = False  # True if it is a whole epoch of few batches
    # Position of a stream: batches of the epoch, and the stream's state after them.
    before: Any = None
    after: Any = None


def _rows(arrays: Any) -> int:
    return _leaves(arrays)[0].shape[0]


def _leaves(arrays: Any) -> list[Any]:
    return jax.tree.leaves(arrays, is_leaf=lambda a: isinstance(a, Rows))


def _gather(arrays: Any, run: Run, start: Any, count: int) -> Any:
    # Indices are in bounds and unique, since an order is a permutation.
    indices = shuffled(start + jnp.arange(count), _rows(arrays), *run)
    return map_rows(lambda a: gather(a, indices), arrays)


def _slice(arrays: Any, start: Any, count: int) -> Any:
    return map_rows(lambda a: cut(a, start, count), arrays)


class Feed(Protocol):
    """Data as the training loop takes it, epoch by epoch."""

    @property
    def steps(self) -> int | None:
        """Batches in an epoch, `None` if that is not known."""
        ...

    @property
    def is_resident(self) -> bool:
        """True if all data is on the device, so that an epoch never needs the host."""
        ...

    def example(self) -> Any:
        """Return a full batch, or the shapes and types of its arrays."""
        ...

    def sample(self) -> Any:
        """Return the available data: all arrays, or a stream's first batch."""
        ...

    def check(self, function: Callable[[Any, bool], None]) -> None:
        """Call a function with all arrays now, or with each batch of a stream.

        Args:
            function: takes arrays, and whether they are all the data.
        """
        ...

    def segments(self, epoch: int, join: bool = False) -> Generator[Segment]:
        """Yield the segments of an epoch, each with batches of one shape.

        Args:
            epoch: the epoch, which determines the order of rows.
            join: whether a smaller last batch may be in the segment of the others.
        """
        ...

    def batches(self) -> Iterator[Any]:
        """Yield the batches of the first epoch one by one."""
        ...

    def track_state(self) -> None:
        """Record positions in segments, for `seek` in another process."""
        ...

    def seek(self, epoch: int, first: int, state: Any) -> None:
        """Start the next epoch at batch `first` of this one.

        Args:
            epoch: the epoch.
            first: number of its batches to skip.
            state: position in the data, from the last segment.
        """
        ...


class Source(Protocol):
    """Batches of a stream, epoch by epoch."""

    steps: int | None

    def batches(self, epoch: int, first: int = 0) -> Iterable[Any]:
        """Return the batches of an epoch, from batch `first` on."""
        ...

    def state(self) -> Any:
        """Return the position after the last batch for `seek`, or `None`."""
        ...

    def seek(self, epoch: int, place: Any) -> bool:
        """Start the next epoch here; return False if all before it must be read."""
        ...


class ArrayFeed:
    """Feed of arrays on the device, whose batches are gathered in the program.

    Args:
        arrays: a tuple (x, y, sample_weight) of trees of arrays; parts may be `None`.
        batch_size: rows in a batch; the last one of an epoch may be smaller.
        shuffle: whether rows are shuffled each epoch.
        seed: seed of the orders.
        steps: batches in an epoch, if fewer than there are.
    """

    is_resident = True

    def __init__(
        self,
        arrays: Any,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        steps: int | None = None,
    ) -> None:
        self.rows = num_rows(arrays, "the data")
        self.batch_size = min(batch_size, self.rows)
        self.shuffle, self.seed = shuffle, seed
        self.full, self.rest = divmod(self.rows, self.batch_size)
        self.steps = self.full + (self.rest > 0)
        if steps is not None and steps < self.steps:
            self.steps, self.full, self.rest = steps, min(steps, self.full), 0
        self._arrays = arrays
        self._data = jax.tree.map(on_device, arrays), None

    def segments(self, epoch: int, join: bool = False) -> Generator[Segment]:
        """Yield an epoch's full batches, then the remainder; see `Feed`."""
        data, size, full = self._data, self.batch_size, self.full
        batches, short = (
            Batches("rows", size, size, 0, self.shuffle),
            self.steps <= _SHORT,
        )
        if not self.rest:
            yield Segment(data, batches, 0, self.steps, short)
        elif short and join:
            yield Segment(data, batches._replace(rest=self.rest), 0, self.steps, True)
        else:
            yield Segment(data, batches, 0, full)
            yield Segment(data, batches._replace(size=self.rest), full, self.steps)

    def example(self) -> Any:
        """Return the shapes and types of a full batch."""
        return next(self.segments(0)).batches.specs(self._data)[0]

    def sample(self) -> Any:
        """Return all arrays."""
        return self._arrays

    def check(self, function: Callable[[Any, bool], None]) -> None:
        """Call a function with all arrays; see `Feed`."""
        function(self._arrays, True)

    def batches(self) -> Iterator[Any]:
        """Yield the batches one by one, in the order of the rows."""
        for segment in self.segments(0):
            size, stride = segment.batches.size, segment.batches.stride
            for start in range(segment.first * stride, segment.last * stride, stride):
                yield jax.tree.map(
                    lambda a, s=start, n=size: a[s : s + n], self._arrays
                )

    def track_state(self) -> None:
        """Do nothing: an epoch of arrays follows from seed and epoch."""

    def seek(self, epoch: int, first: int, state: Any) -> None:
        """Do nothing: any epoch can start at any batch."""


class StreamFeed:
    """Feed of batches from an iterable, stacked and transferred in advance.

    Args:
        source: source of each epoch's batches.
        most: largest number of batches in a stack.
    """

    is_resident = False

    def __init__(self, source: Source, most: int = STACK_STEPS) -> None:
        self._source, self.steps, self.most = source, source.steps, most
        self._tracks_state = False
        self._iterator: Iterator[Any] = iter(())
        self._held: list[Any] = []
        self._first = 0
        self._place: Any = None
        self._check: Callable[[Any, bool], None] = lambda *_: None

    def example(self) -> Any:
        """Return the first batch; the epoch yields it again.

        Raises:
            DataError: the iterable yields nothing.
        """
        if not self._held:
            self._iterator = iter(self._source.batches(0))
            self._held = list(itertools.islice(self._iterator, 1))
            if not self._held:
                raise DataError(
                    "The data yielded no batch. A generator can be iterated only once: "
                    "pass a fresh one, or an object that can be iterated again."
                )
        return self._held[0]

    def sample(self) -> Any:
        """Return the first batch as arrays; the epoch yields it again."""
        return jax.tree.map(np.asarray, self.example())

    def check(self, function: Callable[[Any, bool], None]) -> None:
        """Call a function with the first batch now, and later with each batch."""
        self._check = function
        function(self.example(), False)

    def batches(self) -> Iterator[Any]:
        """Yield the batches one by one."""
        for segment in self.segments(0):
            for i in range(segment.last - segment.first):
                yield jax.tree.map(lambda a, i=i: a[i], segment.data[0])

    def track_state(self) -> None:
        """Record positions in segments."""
        self._tracks_state = True

    def seek(self, epoch: int, first: int, state: Any) -> None:
        """Start the next epoch at batch `first` of this one; see `Feed`."""
        self._place, self._first = state, first
        if state is not None and state[1] is None:
            return  # the stream is at its start already
        if self._source.seek(epoch, state):
            self._held = []
        else:
            warnings.warn(
                f"The data is read again from its beginning up to batch {first} of "
                f"epoch {epoch + 1}, which takes time and is right only if it yields "
                "the same again. Iterators with `get_state` and `set_state` resume "
                "directly.",
                stacklevel=6,
            )
            self._first = 0
            for earlier in range(epoch):
                deque(self._batches(earlier), maxlen=0)
            self._first = first

    def segments(self, epoch: int, join: bool = False) -> Generator[Segment]:
        """Yield the epoch's batches in stacks, prepared by a thread."""
        first, before = self._first, self._place
        source = self._with_states(epoch)
        for stack, count, state in _prefetch(lambda: _stacks(source, self.most)):
            data, batches = (stack, np.int32(first)), Batches("stack")
            after = None if state is None else (first + count, state)
            if before is None and state is not None:
                before = 0, None
            yield Segment(data, batches, first, first + count, False, before, after)
            first, before = first + count, after
        self._place = before and (0, before[1])

    def _with_states(self, epoch: int) -> Iterator[tuple[Any, Any]]:
        for batch in self._batches(epoch):
            self._check(batch, False)
            yield batch, self._source.state() if self._tracks_state else None

    def _batches(self, epoch: int) -> Iterator[Any]:
        first, self._first = self._first, 0
        held, self._held = self._held, []
        if held:
            yield from itertools.islice(held, first, None)
            yield from itertools.islice(self._iterator, max(first - 1, 0), None)
        else:
            yield from self._source.batches(epoch, first)


def _stacks(
    batches: Iterator[tuple[Any, Any]], most: int
) -> Iterator[tuple[Any, int, Any]]:
    """Yield stacks of equally shaped batches, bounded in number, bytes and time."""
    held: list[Any] = []
    shape: Any = None
    after: Any = None
    began, room = 0.0, most
    for batch, state in batches:
        new = jax.tree.map(lambda a: (a.shape, a.dtype), batch)
        if held and new != shape:
            yield _stack(held, room), len(held), after
            held = []
        if not held:
            shape, began = new, time.monotonic()
            size = sum(a.nbytes for a in jax.tree.leaves(batch))
            room = max(1, min(most, _STACK_BYTES // max(size, 1)))
        held.append(batch)
        after = state
        if len(held) == room or time.monotonic() - began > _STACK_SECONDS:
            yield _stack(held, room), len(held), after
            held = []
    if held:
        yield _stack(held, room), len(held), after


def _stack(batches: list[Any], room: int) -> Any:
    """Stack batches along a first axis of size `room`; the rest is undefined."""

    def join(*arrays: Any) -> Any:
        out = np.empty((room, *arrays[0].shape), arrays[0].dtype)
        for i, array in enumerate(arrays):
            out[i] = array
        return jax.device_put(out)

    return jax.tree.map(join, *batches)


def _prefetch(make: Callable[[], Iterator[Any]]) -> Iterator[Any]:
    """Run an iterator in a thread, two items ahead; its errors are raised here."""
    items: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=2)
    stop = threading.Event()

    def put(kind: str, value: Any) -> None:
        while not stop.is_set():
            try:
                items.put((kind, value), timeout=0.1)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in make():
                put("item", item)
                if stop.is_set():
                    return
            put("end", None)
        except BaseException as error:  # raised again where the data is used
            put("error", error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            kind, value = item_of(items)
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        stop.set()
