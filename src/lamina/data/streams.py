"""Sources of batches for streams: iterables, and lazy data sets."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeAlias

from lamina.data.arrays import Parts
from lamina.data.dataset import PyDataset
from lamina.data.pipeline.dataset import Dataset
from lamina.data.pipeline.items import EpochKey
from lamina.data.shuffle import permutation
from lamina.errors import DataError
from lamina.tracebacks import user_location, warn
from lamina.typing import PyTree

_INFINITE = 2**40

# Position of a stream: batches of the epoch, and the stream's own state after them.
State: TypeAlias = tuple[int, PyTree] | None


class Source(Protocol):
    """Batches of a stream, epoch by epoch."""

    # Batches in an epoch, `None` if that is not known.
    steps: int | None

    def batches(self, epoch: int, first: int = 0) -> Iterable[Parts]:
        """Return the batches of an epoch, from batch `first` on."""
        ...

    def state(self) -> PyTree:
        """Return the stream's state after the last batch, or `None`."""

    def seek(self, epoch: int, position: State) -> bool:
        """Start the next epoch here; return False if all before it must be read."""
        ...


class StreamSource:
    """Batches of an iterable, epoch by epoch.

    An epoch is the whole stream, or `steps` batches of it. With `steps`, and for a
    stream that cannot restart, an epoch continues where the one before ended. Epoch 0
    is the start of the stream.

    Args:
        stream: an iterable of batches, an iterator or a `PyDataset`.
        steps: batches in an epoch, if not the whole stream.
        shuffle: whether the batches of a `PyDataset` are shuffled each epoch.
        seed: seed of the orders.
        convert: function that is applied to each batch.

    Raises:
        DataError: `stream` is infinite, and `steps` is `None`.
    """

    def __init__(
        self,
        stream: object,
        steps: int | None,
        shuffle: bool = False,
        seed: int = 0,
        convert: Callable[[Any], Parts] = lambda batch: batch,
    ) -> None:
        if steps is None and _is_endless(stream):
            raise endless_data(stream)
        self._stream: Any = stream
        self._dataset = stream if isinstance(stream, PyDataset) else None
        self._shuffle, self._seed, self._convert = shuffle, seed, convert
        self._wanted, self._yielded = steps, False
        self.steps = steps if steps is not None else _length(stream)
        self._created_at = user_location()
        self._rest: Any = None
        self._restored: tuple[int, Iterator[Any]] | None = None

    def state(self) -> PyTree:
        """Return the stream's state after the last batch, or `None`."""
        if hasattr(self._rest, "get_state"):  # grain
            return self._rest.get_state()
        if hasattr(self._stream, "load_state_dict"):  # torchdata
            return self._stream.state_dict()
        return None

    def seek(self, epoch: int, position: State) -> bool:
        """Start the next epoch here; return False if all before it must be read.

        Args:
            epoch: the epoch.
            position: number of its batches before `state` was called, and its result.
        """
        if position is not None:
            count, state = position
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
        if self._dataset is None or self._wanted is not None:
            return False
        for _ in range(epoch):
            self._dataset.on_epoch_begin()
            self._dataset.on_epoch_end()
        return True

    def _set_state(self, state: PyTree) -> Iterator[Any]:
        if hasattr(self._stream, "load_state_dict"):
            self._stream.load_state_dict(state)
            return iter(self._stream)
        iterator = iter(self._stream)
        iterator.set_state(state)
        return iterator

    def batches(self, epoch: int, first: int = 0) -> Iterator[Parts]:
        """Yield the batches of an epoch, from batch `first` on."""
        dataset = self._dataset
        if dataset is not None:
            dataset.on_epoch_begin()
        count = first
        left = None if self.steps is None else self.steps - first
        for batch in itertools.islice(self._from(epoch, first), left):
            count += 1
            self._yielded = True
            # Consumers may stop at the last batch without asking for another one.
            if dataset is not None and count == self.steps:
                dataset.on_epoch_end()
            yield self._convert(batch)
        if dataset is not None and count != self.steps:
            dataset.on_epoch_end()
        early = count == 0 if self._wanted is None else count < self._wanted
        if early and self._yielded:
            self._warn(
                f"The data ended after {count} batches of epoch {epoch + 1}. A "
                "generator can be iterated only once: pass an object that can be "
                "iterated again, or fewer steps or epochs."
            )

    def _warn(self, message: str) -> None:
        """Warn at the line that passed the stream; a thread may read the stream."""
        file, _, line = self._created_at.rpartition(":")
        warnings.warn_explicit(message, UserWarning, file or "stream", int(line or 1))

    def _from(self, epoch: int, first: int) -> Iterator[Any]:
        """Return an iterator from batch `first` of an epoch on, without its end."""
        if self._restored is not None:
            (count, self._rest), self._restored = self._restored, None
            # Between two epochs a stream may be at its end.
            rest = self._rest if count > 0 else self._rest_or_restart(epoch)
            return itertools.islice(rest, first - count, None)
        if self._dataset is not None and self._wanted is None:
            return self._begin(epoch, first)
        if self._rest is not None and self._wanted is not None and epoch > 0:
            rest = self._rest_or_restart(epoch)
        else:
            rest = self._begin(epoch)
        return itertools.islice(rest, first, None)

    def _rest_or_restart(self, epoch: int) -> Iterator[Any]:
        """Return the rest of the stream, or restart it if nothing is left."""
        for batch in self._rest:
            return itertools.chain([batch], self._rest)
        return self._begin(epoch)

    def _begin(self, epoch: int, first: int = 0) -> Iterator[Any]:
        dataset = self._dataset
        if dataset is None:
            # Else PyTorch's `DistributedSampler` has the same order each epoch.
            sampler = getattr(self._stream, "sampler", None)
            set_epoch = getattr(sampler, "set_epoch", None)
            if set_epoch is not None:
                set_epoch(epoch)
            self._rest = iter(self._stream)
            return self._rest
        count = dataset.num_batches
        if count is None:
            order: Iterable[int] = itertools.count()
        elif self._shuffle:
            order = permutation(self._seed, epoch, count).tolist()[first:]
        else:
            order = range(first, count)
        self._rest = dataset.batches(order)
        return self._rest


class DatasetSource:
    """Batches of a `Dataset`, epoch by epoch; any of them can be computed directly.

    With `steps`, an epoch continues where the one before ended.

    Args:
        dataset: the data set.
        steps: batches in an epoch, if not all of a finite data set.
        seed: seed of the orders.
        convert: function that is applied to each batch.

    Raises:
        DataError: the data set is infinite, and `steps` is `None`.
    """

    def __init__(
        self,
        dataset: Dataset,
        steps: int | None,
        seed: int,
        convert: Callable[[Any], Parts],
    ) -> None:
        count = dataset.cardinality()
        if steps is None and count < 0:
            raise endless_data(dataset)
        if steps is not None and 0 <= count < steps:
            warn(
                f"The data has {count} batches, fewer than the {steps} steps "
                "requested. Each epoch ends with the data."
            )
            steps = None
        self._dataset = dataset if steps is None else dataset.repeat()
        self._continues = steps is not None
        self.steps: int | None = count if steps is None else steps
        self._seed, self._convert = seed, convert

    def batches(self, epoch: int, first: int = 0) -> Iterator[Parts]:
        """Yield the batches of an epoch, from batch `first` on."""
        steps = self.steps or 0
        start, key = 0, EpochKey(self._seed, epoch)
        if self._continues:
            start, key = epoch * steps, EpochKey(self._seed, 0)
        return map(
            self._convert, self._dataset.items(key, start + first, start + steps)
        )

    def state(self) -> None:
        """Return no state: an epoch's batches derive from seed and epoch."""

    def seek(self, epoch: int, position: State) -> bool:
        """Return True: any epoch can start directly."""
        return True


def require_batches(stream: object) -> None:
    """Raise if an object cannot yield batches.

    Raises:
        DataError: it is not iterable, or a string.
    """
    if isinstance(stream, (Iterable, PyDataset)) and not isinstance(stream, str):
        return
    mend = "Pass arrays, a generator of batches, a PyDataset or a data loader."
    if callable(stream):
        mend = "Call it, if it yields batches: `fit(batches())`."
    elif isinstance(stream, str):
        mend = "Read the file first, for example with np.load or pandas.read_csv."
    raise DataError(
        f"x is a {type(stream).__name__}, which is neither arrays nor an iterable of "
        f"batches. {mend}"
    )


def endless_data(stream: object) -> DataError:
    """Return the error for infinite data without a number of batches."""
    kind = type(stream).__name__
    start = f"This {kind} is infinite, so epochs need a number of batches:"
    if isinstance(stream, PyDataset):
        start = f"{kind} has no `__len__`. Return the number of batches from it, or"
    return DataError(
        f"{start} pass `steps_per_epoch` to `fit`, `validation_steps` for validation "
        "data, `steps` elsewhere."
    )


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
