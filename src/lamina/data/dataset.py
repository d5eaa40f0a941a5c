"""`PyDataset`: batches by number, made by threads while the device works."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lamina.errors import StateError

__all__ = ["PyDataset"]


class PyDataset:
    """Base for data sets that make a batch from its number.

    Override `__getitem__(index)`, which returns `(x, y)` or `(x, y, sample_weight)`,
    and `__len__` (or `num_batches`); optionally `on_epoch_end`.

    Args:
        workers: threads that make batches ahead.
        use_multiprocessing: accepted for Keras's signature; threads are used, since
            JAX and forked processes do not go together.
        max_queue_size: batches made ahead at most.

    Example:
        >>> import numpy as np
        >>> class Squares(PyDataset):
        ...     def __len__(self):
        ...         return 3
        ...
        ...     def __getitem__(self, index):
        ...         x = np.arange(4.0)[:, None] + 4 * index
        ...         return x, x**2
        >>> Squares().num_batches
        3
    """

    def __init__(
        self,
        workers: int = 1,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        """Batch `index`."""
        raise StateError(f"{type(self).__name__} has no `__getitem__` method.")

    @property
    def num_batches(self) -> int | None:
        """The number of batches in an epoch; `None` for no end."""
        length = getattr(self, "__len__", None)
        return None if length is None else length()

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""

    def epoch(self, number: int) -> Iterator[Any]:
        """The batches of one epoch, in order."""
        self.on_epoch_begin()
        workers = max(1, getattr(self, "workers", 1))
        ahead = max(1, min(getattr(self, "max_queue_size", 10), 4 * workers))
        total = self.num_batches
        with ThreadPoolExecutor(workers) as pool:
            waiting = []
            index = 0
            while waiting or total is None or index < total:
                while len(waiting) < ahead and (total is None or index < total):
                    waiting.append(pool.submit(self.__getitem__, index))
                    index += 1
                yield waiting.pop(0).result()
        self.on_epoch_end()
