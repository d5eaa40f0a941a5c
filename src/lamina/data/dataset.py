"""`PyDataset`: batches by index, prepared by threads or processes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from lamina.data.prefetch import prefetch_map
from lamina.data.processes import process_items
from lamina.errors import ArgumentTypeError, MissingMethodError


class PyDataset:
    """Base class for data sets that return a batch by its index.

    Override `__getitem__(index)`, which returns `(x, y)` or `(x, y, sample_weight)`,
    and `__len__` (or `num_batches`); optionally `on_epoch_begin` and `on_epoch_end`.
    `fit` shuffles the batches each epoch unless `shuffle=False` is passed.

    Args:
        workers: number of threads or processes that prepare batches.
        use_multiprocessing: whether to use processes. Each has a copy of the data set
            as it is at the start of the epoch, so its class must be in a file that can
            be imported. Scripts call `fit` under `if __name__ == "__main__":`.
        max_queue_size: maximum number of batches prepared in advance.

    Example:
        >>> import numpy as np
        >>> class Squares(PyDataset):
        ...     def __len__(self):
        ...         return 3
        ...
        ...     def __getitem__(self, index):
        ...         x = np.arange(4.0)[:, None] + 4 * index
        ...         return x, x**2
        >>> [len(x) for x, y in Squares()]
        [4, 4, 4]
    """

    # Defaults for subclasses that do not call this constructor.
    workers = 1
    use_multiprocessing = False
    max_queue_size = 10

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
        """Return batch `index`."""
        raise MissingMethodError(
            f"{type(self).__name__} must define `__getitem__`, which returns a batch."
        )

    def __iter__(self) -> Iterator[Any]:
        """Yield all batches in order."""
        count = self.num_batches
        for index in itertools.count() if count is None else range(count):
            yield self[index]

    @property
    def num_batches(self) -> int | None:
        """Number of batches in an epoch; `None` if it is infinite."""
        length = getattr(self, "__len__", None)
        if length is None:
            return None
        count = length()
        if not isinstance(count, (int, np.integer)):
            raise ArgumentTypeError(
                f"{type(self).__name__}.__len__ must return an integer, the number of "
                f"batches. Received: {count!r}. Use math.ceil(rows / batch_size)."
            )
        return int(count)

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after the last batch of an epoch is prepared."""

    def batches(self, indices: Iterable[int]) -> Iterator[Any]:
        """Yield the batches with these indices, prepared in advance.

        Args:
            indices: the indices, in order.

        Raises:
            StateError: processes are requested and do not start.
        """
        workers = max(1, self.workers)
        ahead = max(1, min(self.max_queue_size, 4 * workers))
        if self.use_multiprocessing:
            return process_items(self, indices, workers, ahead)
        return prefetch_map(self.__getitem__, indices, workers, ahead)
