"""`TimeseriesGenerator` and `skipgrams` of `keras.preprocessing.sequence`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.compat.notices import tell
from lamina.data.dataset import PyDataset
from lamina.errors import ArgumentError


class TimeseriesGenerator(PyDataset):
    """Batches of windows of a series, each with the target of the step after it.

    Args:
        data: the series, with a row for each step.
        targets: the target of each step.
        length: number of steps that a window spans.
        sampling_rate: distance between the steps of a window.
        stride: distance between windows.
        start_index: first step that is used.
        end_index: last step whose target is used.
        shuffle: whether windows are drawn at random.
        reverse: whether the steps of a window are in reverse order.
        batch_size: number of windows in a batch.

    Raises:
        ArgumentError: the lengths differ, or there are too few steps for a window.
    """

    def __init__(
        self,
        data: Sequence[Any] | np.ndarray,
        targets: Sequence[Any] | np.ndarray,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
    ) -> None:
        super().__init__()
        tell("TimeseriesGenerator", "utils.timeseries_dataset_from_array")
        if len(data) != len(targets):
            raise ArgumentError(
                f"TimeseriesGenerator: `data` has {len(data)} steps, `targets` "
                f"{len(targets)}. Both need the same number."
            )
        self.data, self.targets, self.length = data, targets, length
        self.sampling_rate, self.stride = sampling_rate, stride
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle, self.reverse, self.batch_size = shuffle, reverse, batch_size
        if self.start_index > self.end_index:
            raise ArgumentError(
                f"TimeseriesGenerator: a window of {length} steps from step "
                f"{start_index} needs a target after it, but the last one is at step "
                f"{self.end_index}. Pass a smaller `length`."
            )

    def __len__(self) -> int:
        """Number of batches that have all windows once."""
        steps = self.end_index - self.start_index + 1
        return -(-steps // (self.batch_size * self.stride))

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the windows of batch `index`, and their targets."""
        ends = self._ends(index)
        samples = np.array(
            [self.data[end - self.length : end : self.sampling_rate] for end in ends]
        )
        targets = np.array([self.targets[end] for end in ends])
        return (samples[:, ::-1] if self.reverse else samples), targets

    def _ends(self, index: int) -> np.ndarray:
        """Return the step after each window of a batch."""
        if self.shuffle:
            bounds = self.start_index, self.end_index + 1
            return np.random.randint(*bounds, size=self.batch_size)
        span = self.batch_size * self.stride
        first = self.start_index + span * index
        return np.arange(first, min(first + span, self.end_index + 1), self.stride)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, with the data as JSON."""
        names = (
            *("length", "sampling_rate", "stride", "start_index", "end_index"),
            *("shuffle", "reverse", "batch_size"),
        )
        arrays = {n: json.dumps(np.asarray(getattr(self, n)).tolist()) for n in _ARRAYS}
        return {**arrays, **{name: getattr(self, name) for name in names}}

    def to_json(self, **options: Any) -> str:
        """Return the config as JSON."""
        found = {"class_name": type(self).__name__, "config": self.get_config()}
        return json.dumps(found, **options)


_ARRAYS = ("data", "targets")


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> np.ndarray:
    """Return the probability with which `skipgrams` uses the word of each rank.

    Frequencies follow Zipf's law: that of rank r is about
    1 / (r * (log(r) + 0.577) + 1/2 - 1 / (12 * r)). The probability is
    min(1, sqrt(sampling_factor / frequency)).

    Args:
        size: number of words.
        sampling_factor: frequency above which a word is used less often.
    """
    rank = np.maximum(np.arange(size), 1)
    inverse = rank * (np.log(rank) + 0.577) + 0.5 - 1 / (12 * rank)
    return np.minimum(1.0, np.sqrt(sampling_factor * inverse))


def skipgrams(
    sequence: Sequence[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: np.ndarray | None = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Return pairs of words that are close in a sequence, and random pairs.

    Args:
        sequence: indices of words; 0 is no word.
        vocabulary_size: largest index plus one.
        window_size: largest distance of a pair.
        negative_samples: number of random pairs, as a fraction of the others.
        shuffle: whether to shuffle the pairs.
        categorical: whether labels are rows of two numbers.
        sampling_table: probability with which each word is used.
        seed: seed of the random numbers.

    Returns:
        The pairs, and their labels: 1, or 0 for random pairs.
    """
    rng = np.random.default_rng(seed)
    pairs = [
        [word, other]
        for i, word in enumerate(sequence)
        if word and (sampling_table is None or sampling_table[word] >= rng.random())
        for j in range(max(0, i - window_size), i + window_size + 1)
        if j != i and j < len(sequence) and (other := sequence[j])
    ]
    count = int(len(pairs) * negative_samples)
    words = rng.permutation([first for first, _ in pairs])
    others = rng.integers(1, vocabulary_size, count)
    negatives = [[int(words[i % len(words)]), int(others[i])] for i in range(count)]
    labels: list[Any] = [1] * len(pairs) + [0] * count
    pairs += negatives
    if categorical:
        labels = [[0, 1] if label else [1, 0] for label in labels]
    order = rng.permutation(len(pairs)) if shuffle else range(len(pairs))
    return [pairs[i] for i in order], [labels[i] for i in order]
