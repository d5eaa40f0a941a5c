"""Epoch boundaries of streams."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import errors, layers
from lamina.data.streams import StreamSource


class Numbers(lamina.utils.PyDataset):
    """Batches that are their own number, and a list of what was called."""

    def __init__(self, count: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count, self.calls = count, list[str]()

    @property
    def num_batches(self) -> int | None:
        return self.count

    def __getitem__(self, index: int) -> int:
        return index

    def on_epoch_begin(self) -> None:
        self.calls.append("begin")

    def on_epoch_end(self) -> None:
        self.calls.append("end")


class Endless:
    """A length like grain's, whose `repeat()` is as long as numbers go."""

    def __len__(self) -> int:
        return 2**62

    def __iter__(self) -> Iterator[int]:
        return itertools.count()


def epochs(stream: Any, count: int, steps: int | None = None, **more: Any) -> Any:
    """The batches of some epochs, taken as a feed takes them: no more than needed."""
    cut = StreamSource(stream, steps, **more)
    return [[*itertools.islice(cut.batches(i), cut.steps)] for i in range(count)]


def test_epoch_is_the_whole_stream() -> None:
    assert epochs(range(3), 2) == [[0, 1, 2], [0, 1, 2]]
    assert epochs(Numbers(3), 2) == [[0, 1, 2], [0, 1, 2]]


def test_epochs_with_steps_continue_the_stream() -> None:
    assert epochs(range(6), 3, steps=2) == [[0, 1], [2, 3], [4, 5]]
    assert epochs(Numbers(None), 2, steps=3) == [[0, 1, 2], [3, 4, 5]]
    assert epochs(iter(range(9)), 2, steps=2) == [[0, 1], [2, 3]]


def test_stream_that_ends_with_an_epoch_restarts() -> None:
    assert epochs(range(4), 3, steps=2) == [[0, 1], [2, 3], [0, 1]]


def test_epoch_ends_with_the_data() -> None:
    with pytest.warns(UserWarning, match="after 1 batches of epoch 2"):
        assert epochs(range(3), 3, steps=2) == [[0, 1], [2], [0, 1]]


def test_exhausted_generator_gives_a_warning() -> None:
    with pytest.warns(UserWarning, match="after 0 batches of epoch 2"):
        assert epochs(iter(range(3)), 2) == [[0, 1, 2], []]


def test_epoch_0_starts_the_stream() -> None:
    cut = StreamSource(range(6), 2)
    assert [*cut.batches(0)] == [*cut.batches(0)] == [0, 1]


def test_batches_of_a_dataset_are_shuffled_each_epoch() -> None:
    first, second = epochs(Numbers(20), 2, shuffle=True, seed=5)
    assert sorted(first) == sorted(second) == [*range(20)]
    assert first != second
    assert epochs(Numbers(20, workers=3), 2, shuffle=True, seed=5) == [first, second]


@pytest.mark.parametrize("steps", [None, 2])
def test_dataset_hooks_are_called_once_per_epoch(steps: int | None) -> None:
    dataset = Numbers(4)
    epochs(dataset, 3, steps=steps)
    assert dataset.calls == ["begin", "end"] * 3


def test_dataset_hooks_are_called_if_the_data_ends_early() -> None:
    dataset = Numbers(3)
    with pytest.warns(UserWarning, match="ended"):
        epochs(dataset, 2, steps=2)
    assert dataset.calls == ["begin", "end"] * 2


def test_dataset_can_be_iterated() -> None:
    assert [*Numbers(3)] == [0, 1, 2]
    assert [*itertools.islice(Numbers(None), 2)] == [0, 1]


def test_dataset_works_without_calling_its_base_constructor() -> None:
    class Bare(lamina.utils.PyDataset):
        def __init__(self) -> None:
            pass

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> int:
            return index

    assert epochs(Bare(), 1) == [[0, 1]]


@pytest.mark.parametrize("stream", [Endless(), Numbers(None)], ids=["long", "no end"])
def test_infinite_stream_needs_a_number_of_steps(stream: Any) -> None:
    with pytest.raises(errors.DataError, match="steps_per_epoch"):
        StreamSource(stream, None)


def test_fit_continues_a_stream_and_validation_restarts_it() -> None:
    def batch(i: int) -> Any:
        return np.full((2, 1), i, "float32"), np.zeros((2, 1), "float32")

    class Batches:
        def __iter__(self) -> Iterator[Any]:
            return map(batch, itertools.count())

    model = lamina.Sequential([layers.Input((1,)), layers.Dense(1, use_bias=False)])
    model.set_weights([np.ones((1, 1))])
    model.compile(lamina.optimizers.SGD(0.0), "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = model.fit(
            Batches(), steps_per_epoch=2, epochs=2, verbose=0,
            validation_data=Batches(), validation_steps=3,
        ).history  # fmt: skip
    assert history["loss"] == [(0 + 1) / 2, (4 + 9) / 2]
    assert history["val_loss"] == pytest.approx([(0 + 1 + 4) / 3] * 2)


class Sampled:
    """Loader with a sampler whose order depends on the epoch, as PyTorch's do."""

    def __init__(self) -> None:
        self.sampler, self.epoch = self, -1

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        return iter([self.epoch])


def test_sampler_gets_the_epoch() -> None:
    epochs = StreamSource(Sampled(), None)
    assert [list(epochs.batches(epoch)) for epoch in (0, 1, 4)] == [[0], [1], [4]]
