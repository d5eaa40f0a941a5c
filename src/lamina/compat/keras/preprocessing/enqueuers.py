"""Threads that prepare batches in advance, as programs of Keras 2 start them."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Protocol

from lamina.compat.notices import tell

_END = object()


class _Sequence(Protocol):
    """Batches by index, such as a `keras.utils.Sequence`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Any: ...


class SequenceEnqueuer:
    """Batches that threads prepare: the base of the two enqueuers of Keras 2.

    Args:
        source: what the batches come from.
        use_multiprocessing: accepted for Keras; there are threads only.
    """

    def __init__(self, source: Any, use_multiprocessing: bool = False) -> None:
        tell(f"keras.utils.{type(self).__name__}", "model.fit(dataset)")
        self._source = source
        self._pool: ThreadPoolExecutor | None = None
        self._futures: Iterator[Future[Any]] = iter(())
        self._size = 0
        self._pending: deque[Future[Any]] = deque()

    def is_running(self) -> bool:
        """Return whether `start` was called, but not `stop`."""
        return self._pool is not None

    def start(self, workers: int = 1, max_queue_size: int = 10) -> None:
        """Start the threads.

        Args:
            workers: number of threads.
            max_queue_size: number of batches to prepare in advance.
        """
        self._pool = ThreadPoolExecutor(max(1, workers))
        self._size = max(1, max_queue_size)
        self._futures = self._submitted(self._pool)
        self._fill()

    def get(self) -> Iterator[Any]:
        """Generate the batches in their order, until `stop`.

        Raises:
            Exception: that of the source, for the batch in which it occurred.
        """
        while self.is_running():
            self._fill()
            batch = self._pending.popleft().result()
            if batch is _END:
                return
            yield batch

    def stop(self, timeout: float | None = None) -> None:
        """Stop the threads; batches that they have not begun are not prepared."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = None
        self._pending.clear()

    def _fill(self) -> None:
        while len(self._pending) < self._size:
            self._pending.append(next(self._futures))

    def _submitted(self, pool: ThreadPoolExecutor) -> Iterator[Future[Any]]:
        """Generate the results of the calls that prepare the batches."""
        raise NotImplementedError


class OrderedEnqueuer(SequenceEnqueuer):
    """Batches of a `Sequence` in order, one epoch after the other.

    Args:
        sequence: the batches by index.
        use_multiprocessing: accepted for Keras; there are threads only.
        shuffle: whether the batches of each epoch are in random order.
    """

    def __init__(
        self,
        sequence: _Sequence,
        use_multiprocessing: bool = False,
        shuffle: bool = False,
    ) -> None:
        super().__init__(sequence, use_multiprocessing)
        self._shuffle = shuffle

    def _submitted(self, pool: ThreadPoolExecutor) -> Iterator[Future[Any]]:
        while True:
            order = list(range(len(self._source)))
            if self._shuffle:
                random.shuffle(order)
            for index in order:
                yield pool.submit(self._source.__getitem__, index)
            wait(self._pending)  # a sequence may change its rows between epochs
            getattr(self._source, "on_epoch_end", lambda: None)()


class GeneratorEnqueuer(SequenceEnqueuer):
    """Batches of a generator, which one thread runs.

    Args:
        generator: the batches.
        use_multiprocessing: accepted for Keras; there are threads only.
        **_: options of Keras about processes.
    """

    def __init__(
        self, generator: Iterable[Any], use_multiprocessing: bool = False, **_: object
    ) -> None:
        super().__init__(generator, use_multiprocessing)

    def start(self, workers: int = 1, max_queue_size: int = 10) -> None:
        """Start the thread.

        Args:
            workers: accepted for Keras; several threads would mix up the order.
            max_queue_size: number of batches to prepare in advance.
        """
        super().start(1, max_queue_size)

    def _submitted(self, pool: ThreadPoolExecutor) -> Iterator[Future[Any]]:
        batches = iter(self._source)
        while True:
            yield pool.submit(next, batches, _END)
