"""Whatever yields batches, cut into epochs."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from lamina.data.dataset import PyDataset
from lamina.data.shuffle import permutation
from lamina.errors import DataError

__all__ = ["Epochs"]

_FOR_EVER = 2**40


class Epochs:
    """The batches of a stream, epoch by epoch.

    An epoch is the whole stream; or `steps` batches of it, where each epoch goes on
    from the one before it, as it also does if the stream can't begin anew. Epoch 0 is
    the beginning of the stream.

    Args:
        stream: an iterable of batches, an iterator or a `PyDataset`.
        steps: batches in an epoch, if not the whole stream.
        shuffle: whether the batches of a `PyDataset` come in a new order each time.
        seed: what the orders derive from.

    Raises:
        DataError: `stream` is no stream, or it has no end and `steps` is `None`.
    """

    def __init__(
        self, stream: Any, steps: int | None, shuffle: bool = False, seed: int = 0
    ) -> None:
        if not isinstance(stream, (Iterable, PyDataset)):
            raise DataError(
                f"x is a {type(stream).__name__}, which is neither arrays nor "
                "iterable. Give arrays, a generator of batches, a PyDataset or a data "
                "loader."
            )
        if steps is None and _is_endless(stream):
            raise DataError(
                f"This {type(stream).__name__} has no end, so the epochs need a "
                "number of batches: give `steps_per_epoch` to `fit`, "
                "`validation_steps` for validation data, `steps` elsewhere."
            )
        self._stream: Any = stream
        self._shuffle, self._seed = shuffle, seed
        self._wanted, self._yielded = steps, False
        self.steps = steps if steps is not None else _length(stream)
        self._rest: Any = None
        self._taken_up: Any = None

    def state(self) -> Any:
        """What the stream says its state is, after the last batch; else `None`."""
        if hasattr(self._rest, "get_state"):  # grain
            return self._rest.get_state()
        if hasattr(self._stream, "load_state_dict"):  # torchdata
            return self._stream.state_dict()
        return None

    def seek(self, epoch: int, place: Any) -> bool:
        """Let the next epoch be this one; False if all before it has to be read.

        Args:
            epoch: the epoch.
            place: how many of its batches came before what `state` returned, and that.
        """
        if place is not None:
            count, state = place
            try:
                self._taken_up = count, self._set_state(state)
            except Exception as error:  # whatever the loader finds wrong with it
                warnings.warn(
                    f"This {type(self._stream).__name__} could not be set to where it "
                    f"was: {error}",
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
        """The batches of an epoch, from batch `first` on."""
        dataset = self._stream if isinstance(self._stream, PyDataset) else None
        if dataset is not None:
            dataset.on_epoch_begin()
        count = first
        for batch in itertools.islice(self._from(epoch, first), self._left(first)):
            count += 1
            self._yielded = True
            # Who takes the last batch need not ask whether there is another one.
            if dataset is not None and count == self.steps:
                dataset.on_epoch_end()
            yield batch
        if dataset is not None and count != self.steps:
            dataset.on_epoch_end()
        early = count == 0 if self._wanted is None else count < self._wanted
        if early and self._yielded:
            warnings.warn(
                f"The data ended after {count} batches of epoch {epoch + 1}. A "
                "generator can be used up only once: pass an object that can be "
                "iterated again, or ask for fewer steps or epochs.",
                stacklevel=2,
            )

    def _left(self, first: int) -> int | None:
        return None if self.steps is None else self.steps - first

    def _from(self, epoch: int, first: int) -> Iterator[Any]:
        """What is left of an epoch, and perhaps more."""
        if self._taken_up is not None:
            (count, self._rest), self._taken_up = self._taken_up, None
            # Between two epochs a stream may stand at its end.
            rest = self._rest if count > 0 else self._rest_or_anew(epoch)
            return itertools.islice(rest, first - count, None)
        if isinstance(self._stream, PyDataset) and self._wanted is None:
            self._rest = self._begin(epoch, first)
            return self._rest
        return itertools.islice(self._going_on(epoch), first, None)

    def _going_on(self, epoch: int) -> Iterator[Any]:
        """What is left of the stream, which begins anew if nothing is."""
        if self._rest is not None and self._wanted is not None and epoch > 0:
            return self._rest_or_anew(epoch)
        self._rest = self._begin(epoch)
        return self._rest

    def _rest_or_anew(self, epoch: int) -> Iterator[Any]:
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
    """How many batches there are; `None` where that shows only at their end."""
    if isinstance(stream, PyDataset):
        return stream.num_batches
    try:
        length = len(stream)
    except TypeError:
        return None
    return length if length >= 0 else None


def _is_endless(stream: Any) -> bool:
    """Whether a stream says of itself that it goes on for ever."""
    if isinstance(stream, PyDataset):
        return stream.num_batches is None
    if hasattr(stream, "cardinality"):  # tf.data
        return int(stream.cardinality()) == -1
    # grain's `repeat()` is as long as numbers go, and batches of it a part of that.
    return (_length(stream) or 0) > _FOR_EVER
