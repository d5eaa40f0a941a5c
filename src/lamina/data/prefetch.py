"""Results that threads compute in advance."""

from __future__ import annotations

import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from typing import Generic, TypeVar

from lamina.runtime.interrupts import result_of

S = TypeVar("S")
T = TypeVar("T")


def prefetch_map(
    function: Callable[[S], T], arguments: Iterable[S], workers: int, ahead: int
) -> Iterator[T]:
    """Yield a function's results in order, computed in advance by daemon threads.

    Threads of `concurrent.futures` keep Python from exiting while a call hangs. An
    error is raised where its result is due.

    Args:
        function: the function.
        arguments: its arguments.
        workers: number of threads.
        ahead: maximum number of results computed in advance.
    """
    tasks: queue.SimpleQueue[tuple[Future[T], S] | None] = queue.SimpleQueue()

    def work() -> None:
        while (task := tasks.get()) is not None:
            future, argument = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(function(argument))
            except BaseException as error:  # `result_of` raises it
                future.set_exception(error)

    def submit(argument: S) -> Future[T]:
        future: Future[T] = Future()
        tasks.put((future, argument))
        return future

    for _ in range(workers):
        threading.Thread(target=work, daemon=True).start()
    coming = map(submit, arguments)
    pending = deque(itertools.islice(coming, ahead))
    try:
        while pending:
            result = result_of(pending.popleft())
            pending.extend(itertools.islice(coming, 1))
            yield result
    finally:
        for future in pending:
            future.cancel()
        for _ in range(workers):
            tasks.put(None)


def prefetch(items: Iterator[T], ahead: int) -> Generator[T]:
    """Yield the items of an iterator, which a thread runs in advance."""
    steps = prefetch_map(
        lambda _: tuple(itertools.islice(items, 1)), itertools.count(), 1, ahead
    )
    for item in steps:
        if not item:
            return
        yield from item


class LruCache(Generic[S, T]):
    """Thread-safe cache of a function's results, least recently used first out.

    Args:
        function: the function, called once for an argument even if threads share it.
        capacity: maximum number of results.
    """

    def __init__(self, function: Callable[[S], T], capacity: int) -> None:
        self._function, self._capacity = function, capacity
        self._results: dict[S, Future[T]] = {}
        self._lock = threading.Lock()

    def __call__(self, argument: S) -> T:
        """Return the function's result."""
        with self._lock:
            future = self._results.pop(argument, None)
            is_new = future is None
            future = Future[T]() if future is None else future
            self._results[argument] = future  # as the last one
            while len(self._results) > self._capacity:
                del self._results[next(iter(self._results))]
        if is_new:
            try:
                future.set_result(self._function(argument))
            except BaseException as error:  # each thread that waits raises it
                future.set_exception(error)
                with self._lock:
                    self._results.pop(argument, None)
        return future.result()
