"""How an epoch reaches the compiled loop: whole arrays, or stacks of batches.

A feed yields segments. A segment is data on the device with a stretch of batches
in it; the loop may run it in as many dispatches as it likes.
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

__all__ = [
    "Feed",
    "STACK_STEPS",
    "INNER_CHUNK",
    "ArrayFeed",
    "Batches",
    "Segment",
    "Source",
    "StreamFeed",
]

# The seed and the epoch, which an order of rows derives from.
Run = tuple[Any, Any]

# Batches that are gathered together.
INNER_CHUNK = 25
_BLOCK = 4 * 2**20  # bytes
# An epoch of so few batches goes to the device in one piece, remainder and all.
_SHORT = 4 * INNER_CHUNK
_STACK_BYTES = 16 * 2**20
# Batches of a stream that go to the device together, at most.
STACK_STEPS = 64
_STACK_SECONDS = 0.1


class Batches(NamedTuple):
    """How a program finds batch `i` of an epoch in a segment's data.

    Args:
        kind: what the data is. `"rows"`: whole arrays; `"stack"`: batches stacked along
            a first axis, and the number of the first one.
        size: rows in each of these batches.
        stride: rows in a full batch, which the place of batch `i` is counted in.
        rest: rows in a last, smaller batch that the same program takes, or 0.
        shuffled: whether the rows of an epoch come in an order of its own.
    """

    kind: str
    size: int = 0
    stride: int = 0
    rest: int = 0
    shuffled: bool = False

    def block(self, data: Any, run: Run, first: Any) -> Any:
        """The rows of `INNER_CHUNK` batches from `first` on, gathered at once.

        One large gather is far cheaper than many small ones. `None` where there is
        nothing to gather, or so much that a dispatch of few steps would wait for it.
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
        """Batch `i` of the epoch."""
        if self.kind == "stack":
            stack, first = data
            return jax.tree.map(lambda a: a[i - first], stack)
        if block is None:
            return self._rows(data, run, i * self.stride, self.size)
        begin, arrays = block
        return _slice(arrays, i * self.stride - begin, self.size)

    def take_rest(self, data: Any, run: Run) -> Any:
        """The last, smaller batch of the epoch."""
        start = _rows(data[0]) - self.rest
        return self._rows(data, run, start, self.rest)

    def _rows(self, data: Any, run: Run, start: Any, count: int) -> Any:
        if self.shuffled:
            return _gather(data[0], run, start, count)
        return _slice(data[0], start, count)

    def full(self, data: Any) -> int:
        """How many batches of an epoch come before the smaller one."""
        return _rows(data[0]) // self.size

    def specs(self, data: Any) -> list[Any]:
        """The shapes of one batch, and those of the smaller one if there is one."""
        stacked = self.kind == "stack"

        def spec(size: int) -> Any:
            def one(a: Any) -> jax.ShapeDtypeStruct:
                shape = a.shape[1:] if stacked else (size, *a.shape[1:])
                return jax.ShapeDtypeStruct(shape, a.dtype)

            return map_rows(one, data[0])

        return [spec(size) for size in (self.size, self.rest) if size or stacked]


class Segment(NamedTuple):
    """Data on the device, and the batches of an epoch that are in it."""

    data: Any
    batches: Batches
    first: int
    last: int
    short: bool = False  # whether it is all of an epoch of few batches
    # Where a stream stands: batches of the epoch, and its own state after them.
    before: Any = None
    after: Any = None


def _rows(arrays: Any) -> int:
    return _leaves(arrays)[0].shape[0]


def _leaves(arrays: Any) -> list[Any]:
    return jax.tree.leaves(arrays, is_leaf=lambda a: isinstance(a, Rows))


def _gather(arrays: Any, run: Run, start: Any, count: int) -> Any:
    # An order is a permutation: no index is too high, and none comes twice.
    places = shuffled(start + jnp.arange(count), _rows(arrays), *run)
    return map_rows(lambda a: gather(a, places), arrays)


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
        """Return the data that is at hand: all arrays, or a stream's first batch."""
        ...

    def check(self, function: Callable[[Any, bool], None]) -> None:
        """Call a function with the data, now or batch by batch when it comes.

        Args:
            function: takes arrays, and whether they are all the data.
        """
        ...

    def segments(self, epoch: int, join: bool = False) -> Generator[Segment]:
        """Yield an epoch in segments, of which each has batches of one shape.

        Args:
            epoch: the epoch, which the order of rows derives from.
            join: whether a smaller last batch may be in one segment with the others.
        """
        ...

    def batches(self) -> Iterator[Any]:
        """Yield the batches of the first epoch one by one."""
        ...

    def track_state(self) -> None:
        """Let segments say where the data stands, for `seek` in another process."""
        ...

    def seek(self, epoch: int, first: int, state: Any) -> None:
        """Let the next epoch be this one, from batch `first` on.

        Args:
            epoch: the epoch.
            first: how many of its batches are left out.
            state: what the last segment said of where the data stands.
        """
        ...


class Source(Protocol):
    """The batches of a stream, epoch by epoch."""

    steps: int | None

    def batches(self, epoch: int, first: int = 0) -> Iterable[Any]:
        """The batches of an epoch, from batch `first` on."""
        ...

    def state(self) -> Any:
        """What `seek` needs to know about the place after the last batch, if any."""
        ...

    def seek(self, epoch: int, place: Any) -> bool:
        """Let the next epoch be this one; False if all before it has to be read."""
        ...


class ArrayFeed:
    """Arrays that stay whole on the device; batches are gathered inside the program.

    Args:
        arrays: a tuple (x, y, sample_weight) of trees of arrays; parts may be `None`.
        batch_size: rows in a batch; the last one of an epoch may be smaller.
        shuffle: whether rows come in a new order each epoch.
        seed: what the orders derive from.
        steps: batches in an epoch, if fewer than the rows allow.
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
        """Nothing: an epoch of arrays follows from seed and number."""

    def seek(self, epoch: int, first: int, state: Any) -> None:
        """Nothing: any epoch can be begun at any batch."""


class StreamFeed:
    """Batches from an iterable, stacked a few at a time and put on the device ahead.

    Args:
        source: makes the iterator of one epoch's batches.
        most: batches in a stack at most.
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
        """The first batch; it is not lost, but comes again when the epoch runs.

        Raises:
            DataError: the iterable yields nothing.
        """
        if not self._held:
            self._iterator = iter(self._source.batches(0))
            self._held = list(itertools.islice(self._iterator, 1))
            if not self._held:
                raise DataError(
                    "The data yielded no batch. A generator can be used up only once: "
                    "pass a fresh one, or an object that can be iterated again."
                )
        return self._held[0]

    def sample(self) -> Any:
        """Return the first batch as arrays; it comes again when the epoch runs."""
        return jax.tree.map(np.asarray, self.example())

    def check(self, function: Callable[[Any, bool], None]) -> None:
        """Call a function with the first batch now, and later with each batch."""
        self._check = function
        function(self.example(), False)

    def batches(self) -> Iterator[Any]:
        """Yield the batches one by one, stacked a few at a time on their way."""
        for segment in self.segments(0):
            for i in range(segment.last - segment.first):
                yield jax.tree.map(lambda a, i=i: a[i], segment.data[0])

    def track_state(self) -> None:
        """Let segments say where the stream stands."""
        self._tracks_state = True

    def seek(self, epoch: int, first: int, state: Any) -> None:
        """Let the next epoch be this one, from batch `first` on; see `Feed`."""
        self._place, self._first = state, first
        if state is not None and state[1] is None:
            return  # at its beginning, where it is now
        if self._source.seek(epoch, state):
            self._held = []
        else:
            warnings.warn(
                f"The data is read again from its beginning up to batch {first} of "
                f"epoch {epoch + 1}, which takes time and is right only if it yields "
                "the same again. Iterators with `get_state` and `set_state` are taken "
                "up at once.",
                stacklevel=6,
            )
            self._first = 0
            for earlier in range(epoch):
                deque(self._batches(earlier), maxlen=0)
            self._first = first

    def segments(self, epoch: int, join: bool = False) -> Generator[Segment]:
        """The epoch's batches in stacks, made by a thread while the device works."""
        first, before = self._first, self._place
        source = self._with_states(epoch)
        for stack, count, state in _ahead(lambda: _stacks(source, self.most)):
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
    """Stacks of equally shaped batches, cut by number, bytes and time."""
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
    """One tree of arrays with an axis of `room` batches, the unused ones empty."""

    def join(*arrays: Any) -> Any:
        out = np.empty((room, *arrays[0].shape), arrays[0].dtype)
        for i, array in enumerate(arrays):
            out[i] = array
        return jax.device_put(out)

    return jax.tree.map(join, *batches)


def _ahead(make: Callable[[], Iterator[Any]]) -> Iterator[Any]:
    """Run an iterator in a thread, two items ahead; its errors come out here."""
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
