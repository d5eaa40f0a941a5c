"""Results that processes compute in advance."""

from __future__ import annotations

import itertools
import pickle
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Any

from lamina.errors import StateError
from lamina.runtime.interrupts import result_of

# The data set of a worker process.
_dataset: Any = None


def process_items(
    dataset: object, indices: Iterable[int], workers: int, ahead: int
) -> Iterator[Any]:
    """Yield the items of a data set in order, computed in advance by processes.

    Each process gets a copy of the data set. JAX does not work in a process that was
    forked after a computation, so they start from a new interpreter.

    Args:
        dataset: has `__getitem__` and can be pickled.
        indices: the indices of the items.
        workers: number of processes.
        ahead: maximum number of items computed in advance.

    Raises:
        StateError: the data set cannot be pickled, or the processes do not start.
    """
    # On first use: these modules take a while to import.
    import multiprocessing
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor

    try:
        data = pickle.dumps(dataset)
    except Exception as error:  # any error of the data set's attributes
        raise _not_started(dataset, error) from None
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context(
        "forkserver" if "forkserver" in methods else "spawn"
    )
    pool = ProcessPoolExecutor(workers, context, _start, (data,))
    coming = (pool.submit(_item, index) for index in indices)
    pending: deque[Future[Any]] = deque(itertools.islice(coming, ahead))
    try:
        while pending:
            result = result_of(pending.popleft())
            pending.extend(itertools.islice(coming, 1))
            yield result
    except BrokenProcessPool as error:
        raise _not_started(dataset, error) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _start(data: bytes) -> None:
    """Prepare a worker process, which the main process ends after Ctrl-C."""
    global _dataset
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _dataset = pickle.loads(data)


def _item(index: int) -> Any:
    return _dataset[index]


def _not_started(dataset: object, error: Exception) -> StateError:
    return StateError(
        f"The processes for {type(dataset).__name__} ended or did not start: {error} "
        "Its class must be in a file that can be imported, its attributes must be "
        "picklable, and a script must call `fit` under `if __name__ == '__main__':`. "
        "Or use threads: use_multiprocessing=False."
    )
