"""Epochs of iterables of batches."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from lamina.data.dataset import PyDataset
from lamina.data.shuffle import permutation
from lamina.errors import DataError

_INFINITE = 2**40


class Epochs:
    """Batches of a stream, epoch by epoch.

    An epoch is the whole stream, or `steps` batches of it. With `steps`, and for a
    stream that cannot restart, an epoch continues where the one before ended. Epoch 0
    is the start of the stream.

    Args:
        stream: an iterable of batches, an iterator or a `PyDataset`.
        steps: batches in an epoch, if not the whole stream.
        shuffle: whether the batches of a `PyDataset` are shuffled each epoch.
        seed: seed of the orders.

    Raises:
        DataError: `stream` is not iterable, or is infinite and `steps` is `None`.
    """

    def __init__(
        self, stream: Any, steps: int | None, shuffle: bool = False, seed: int = 0
    ) -> None:
        if not isinstance(stream, (Iterable, PyDataset)):
            raise DataError(
                f"x is a {type(stream).__name__}, which is neither arrays nor "
                "iterable. Pass arrays, a generator of batches, a PyDataset or a data "
                "loader."
            )
        if steps is None and _is_endless(stream):
            raise DataError(
                f"This {type(stream).__name__} is infinite, so epochs need a number "
                "of batches: pass `steps_per_epoch` to `fit`, "
                "`validation_steps` for validation data, `steps` elsewhere."
            )
        self._stream: Any = stream
        self._shuffle, self._seed = shuffle, seed
        self._wanted, self._yielded = steps, False
        self.steps = steps if steps is not None else _length(stream)
        self._rest: Any = None
        self._restored: Any = None

    def state(self) -> Any:
        """Return the stream's state after the last batch, or `None`."""
        if hasattr(self._rest, "get_state"):  # grain
            return self._rest.get_state()
        if hasattr(self._stream, "load_state_dict"):  # torchdata
            return self._stream.state_dict()
        return None

    def seek(self, epoch: int, place: Any) -> bool:
        """Start the next epoch here; return False if all before it must be read.

        Args:
            epoch: the epoch.
            place: number of its batches before `state` was called, and its result.
        """
        if place is not None:
            count, state = place
            try:
                self._restored = count, self._set_state(state)
            except Exception as error:  # any error of the loader
                warnings.warn(
                    f"The position of this {type(self._stream).__name__} could not be "
                    f"restored: {error}",
                    stacklevel=7,
                )
                return False
            return True
        stream = self._stream
        if isinstance(stream, PyDataset) and self._wanted is None:
            for _ in range(epoch):
                stream.on_epoch_begin()
                stream.on_epoch_end()
            return True
        return False

    def _set_state(self, state: Any) -> Iterator[Any]:
        if hasattr(self._stream, "load_state_dict"):
            self._stream.load_state_dict(state)
            return iter(self._stream)
        iterator: Any = iter(self._stream)
        iterator.set_state(state)
        return iterator

    def batches(self, epoch: int, first: int = 0) -> Iterator[Any]:
        """Yield the batches of an epoch, from batch `first` on."""
        dataset = self._stream if isinstance(self._stream, PyDataset) else None
        if dataset is not None:
            dataset.on_epoch_begin()
        count = first
        for batch in itertools.islice(self._from(epoch, first), self._left(first)):
            count += 1
            self._yielded = True
            # Consumers may stop at the last batch without asking for another one.
            if dataset is not None and count == self.steps:
                dataset.on_epoch_end()
            yield batch
        if dataset is not None and count != self.steps:
            dataset.on_epoch_end()
        early = count == 0 if self._wanted is None else count < self._wanted
        if early and self._yielded:
            warnings.warn(
                f"The data ended after {count} batches of epoch {epoch + 1}. A "
                "generator can be iterated only once: pass an object that can be "
                "iterated again, or fewer steps or epochs.",
                stacklevel=2,
            )

    def _left(self, first: int) -> int | None:
        return None if self.steps is None else self.steps - first

    def _from(self, epoch: int, first: int) -> Iterator[Any]:
        """Return an iterator from batch `first` of an epoch on, without its end."""
        if self._restored is not None:
            (count, self._rest), self._restored = self._restored, None
            # Between two epochs a stream may be at its end.
            rest = self._rest if count > 0 else self._rest_or_restart(epoch)
            return itertools.islice(rest, first - count, None)
        if isinstance(self._stream, PyDataset) and self._wanted is None:
            self._rest = self._begin(epoch, first)
            return self._rest
        return itertools.islice(self._continued(epoch), first, None)

    def _continued(self, epoch: int) -> Iterator[Any]:
        """Return the rest of the stream, or restart it if nothing is left."""
        if self._rest is not None and self._wanted is not None and epoch > 0:
            return self._rest_or_restart(epoch)
        self._rest = self._begin(epoch)
        return self._rest

    def _rest_or_restart(self, epoch: int) -> Iterator[Any]:
        first = list(itertools.islice(self._rest, 1))
        if first:
            return itertools.chain(first, self._rest)
        self._rest = self._begin(epoch)
        return self._rest

    def _begin(self, epoch: int, first: int = 0) -> Iterator[Any]:
        stream = self._stream
        if not isinstance(stream, PyDataset):
            return iter(stream)
        count = stream.num_batches
        if count is None:
            return stream.batches(itertools.count())
        if self._shuffle:
            order = permutation(self._seed, epoch, count).tolist()
            return stream.batches(order[first:])
        return stream.batches(range(first, count))


def _length(stream: Any) -> int | None:
    """Return the number of batches, or `None` if it is unknown."""
    if isinstance(stream, PyDataset):
        return stream.num_batches
    try:
        length = len(stream)
    except TypeError:
        return None
    return length if length >= 0 else None


def _is_endless(stream: Any) -> bool:
    """Return whether a stream declares itself infinite."""
    if isinstance(stream, PyDataset):
        return stream.num_batches is None
    if hasattr(stream, "cardinality"):  # tf.data
        return int(stream.cardinality()) == -1
    # The length of grain's `repeat()` is the largest integer.
    return (_length(stream) or 0) > _INFINITE
