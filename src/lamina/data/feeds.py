"""How an epoch reaches the compiled loop: whole arrays, or stacks of batches.

A feed yields segments. A segment is data on the device with a stretch of batches
in it; the loop may run it in as many dispatches as it likes.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lamina.data.arrays import num_rows
from lamina.errors import DataError

__all__ = ["ArrayFeed", "Batches", "Segment", "StreamFeed", "permutation"]

# Batches that are gathered together, and checked together for being finite.
STRETCH = 25
_BLOCK_BYTES = 16 * 2**20
_ALIGNMENT = 64
_STACK_BYTES = 16 * 2**20
_STACK_STEPS = 64
_STACK_SECONDS = 0.1


class Batches(NamedTuple):
    """How a program finds batch `i` in a segment's data.

    Args:
        kind: what the data is. `"rows"`: whole arrays, and an order of rows or `None`
            for their own; `"stack"`: batches stacked along a first axis, and the
            number of the first one.
        size: rows in each of these batches.
        stride: rows in a full batch, which the place of batch `i` is counted in.
    """

    kind: str
    size: int = 0
    stride: int = 0

    def block(self, data: Any, first: Any) -> Any:
        """The rows of `STRETCH` batches from `first` on, gathered at once.

        One large gather is far cheaper than many small ones. `None` where there is
        nothing to gather, or too much for a cache.
        """
        if self.kind == "stack" or data[1] is None or self.size != self.stride:
            return None
        arrays, order = data
        wanted = STRETCH * self.size
        size = sum(a.nbytes // a.shape[0] for a in jax.tree.leaves(arrays)) * wanted
        if wanted > order.shape[0] or size > _BLOCK_BYTES:
            return None
        start = jnp.minimum(first * self.size, order.shape[0] - wanted)
        return start, _gather(arrays, order, start, wanted)

    def take(self, data: Any, i: Any, block: Any = None) -> Any:
        """Batch `i` of the epoch."""
        if self.kind == "stack":
            stack, first = data
            return jax.tree.map(lambda a: a[i - first], stack)
        arrays, order = data
        start = i * self.stride
        if block is not None:
            begin, arrays = block
            order, start = None, start - begin
        if order is None:
            return jax.tree.map(
                lambda a: jax.lax.dynamic_slice_in_dim(a, start, self.size), arrays
            )
        return _gather(arrays, order, start, self.size)

    def spec(self, data: Any) -> Any:
        """The shapes of one batch."""

        def one(array: Any) -> jax.ShapeDtypeStruct:
            rest = array.shape[1:]
            shape = rest if self.kind == "stack" else (self.size, *rest)
            return jax.ShapeDtypeStruct(shape, array.dtype)

        return jax.tree.map(one, data[0])


class Segment(NamedTuple):
    """Data on the device, and the batches of an epoch that are in it."""

    data: Any
    batches: Batches
    first: int
    last: int


def permutation(seed: int, epoch: int, rows: int) -> np.ndarray:
    """The order of rows in an epoch: a function of seed and epoch alone."""
    generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    return generator.permutation(np.arange(rows, dtype=np.int32))


def _gather(arrays: Any, order: Any, start: Any, count: int) -> Any:
    rows = jax.lax.dynamic_slice_in_dim(order, start, count)
    # The order is a permutation, so no index needs checking.
    return jax.tree.map(
        lambda a: a.at[rows].get(mode="promise_in_bounds", unique_indices=True), arrays
    )


def _on_device(array: Any) -> jax.Array:
    """A copy on the device that nobody else holds.

    Memory that is aligned as JAX wants it is taken over; `jnp.asarray` would copy it
    a second time.
    """
    if isinstance(array, jax.Array):
        return array
    dtype = jax.dtypes.canonicalize_dtype(array.dtype)
    size = array.size * dtype.itemsize
    buffer = np.empty(size + _ALIGNMENT, np.uint8)
    offset = -buffer.ctypes.data % _ALIGNMENT
    aligned = buffer[offset : offset + size].view(dtype).reshape(array.shape)
    np.copyto(aligned, array, casting="unsafe")
    return jax.device_put(aligned)


class ArrayFeed:
    """Arrays that stay whole on the device; batches are gathered inside the program.

    Args:
        arrays: a tuple (x, y, sample_weight) of trees of arrays; parts may be `None`.
        batch_size: rows in a batch; the last one of an epoch may be smaller.
        shuffle: whether rows come in a new order each epoch.
        seed: what the orders derive from.
        steps: batches in an epoch, if fewer than the rows allow.
    """

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
        self.arrays = jax.tree.map(_on_device, arrays)

    def plan(self) -> list[Batches]:
        """The kinds of batches in an epoch, the remainder last."""
        size = self.batch_size
        kinds = [Batches("rows", size, size)] if self.full else []
        return [*kinds, Batches("rows", self.rest, size)] if self.rest else kinds

    def segments(self, epoch: int) -> Iterator[Segment]:
        """An epoch's full batches, then the remainder."""
        order = None
        if self.shuffle:
            order = permutation(self.seed, epoch, self.rows)
        data, first = (self.arrays, order), 0
        for batches in self.plan():
            last = self.full if batches.size == batches.stride else self.steps
            if batches.size == self.rest:
                first, last = self.steps - 1, self.steps
            yield Segment(data, batches, first, last)
            first = last

    def example(self) -> Any:
        """The shapes of a full batch."""
        kinds = self.plan()
        return kinds[0].spec((self.arrays, None))


class StreamFeed:
    """Batches from an iterable, stacked a few at a time and put on the device ahead.

    Args:
        start: makes the iterator of one epoch's batches, given the epoch.
        steps: batches in an epoch; `None` if it ends when the data ends.
        endless: whether an iterator goes on over epochs instead of starting anew.
        most: batches in a stack at most.
    """

    def __init__(
        self,
        start: Callable[[int], Iterable[Any]],
        steps: int | None = None,
        endless: bool = False,
        most: int = _STACK_STEPS,
    ) -> None:
        self._start, self.steps, self.endless, self.most = start, steps, endless, most
        self._iterator: Iterator[Any] | None = None
        self._held: list[Any] = []

    def example(self) -> Any:
        """The first batch; it is not lost, but comes again when the epoch runs.

        Raises:
            DataError: the iterable yields nothing.
        """
        if not self._held:
            iterator = iter(self._start(0))
            try:
                self._held.append(next(iterator))
            except StopIteration:
                raise DataError(
                    "The data yielded no batch. A generator can be used up only once: "
                    "pass a fresh one, or an object that can be iterated again."
                ) from None
            self._iterator = iterator
        return self._held[0]

    def segments(self, epoch: int) -> Iterator[Segment]:
        """The epoch's batches in stacks, made by a thread while the device works."""
        source = self._batches(epoch)
        first = 0
        for stack, count in _ahead(lambda: _stacks(source, self.most)):
            data = stack, np.int32(first)
            yield Segment(data, Batches("stack"), first, first + count)
            first += count

    def _batches(self, epoch: int) -> Iterator[Any]:
        held, self._held = self._held, []
        if held or self.endless and self._iterator is not None:
            iterator = self._iterator
        else:
            iterator = iter(self._start(epoch))
        self._iterator = iterator
        count = 0
        for batch in held:
            count += 1
            yield batch
        while self.steps is None or count < self.steps:
            try:
                batch = next(iterator)  # type: ignore[arg-type]
            except StopIteration:
                return
            count += 1
            yield batch


def _stacks(batches: Iterator[Any], most: int) -> Iterator[tuple[Any, int]]:
    """Stacks of equally shaped batches, cut by number, bytes and time."""
    held: list[Any] = []
    shape: Any = None
    began, room = 0.0, most
    for batch in batches:
        new = jax.tree.map(lambda a: (a.shape, a.dtype), batch)
        if held and new != shape:
            yield _stack(held, room), len(held)
            held = []
        if not held:
            shape, began = new, time.monotonic()
            size = sum(a.nbytes for a in jax.tree.leaves(batch))
            room = max(1, min(most, _STACK_BYTES // max(size, 1)))
        held.append(batch)
        if len(held) == room or time.monotonic() - began > _STACK_SECONDS:
            yield _stack(held, room), len(held)
            held = []
    if held:
        yield _stack(held, room), len(held)


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
            kind, value = items.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        stop.set()
