"""Counts of the values in data, from which a vocabulary is made."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import chain
from typing import Any

import numpy as np

from lamina.core.module import overridable
from lamina.layers.preprocessing.batches import (
    batches_of,
    is_batched,
    pieces_of,
    with_progress,
)
from lamina.layers.preprocessing.host import HostLayer
from lamina.tracebacks import filter_traceback
from lamina.typing import ArrayLike, PyTree


class ValueCounts:
    """Occurrences of values, and numbers of the rows that have them."""

    def __init__(self) -> None:
        self._values: Counter[Any] = Counter()
        self._rows_with: Counter[Any] = Counter()
        self._rows = 0

    def update(self, rows: Sequence[Sequence[Any]], for_weights: bool) -> None:
        """Count the values of rows and, for `weights`, the rows with each value."""
        self._values.update(chain.from_iterable(rows))
        if for_weights:
            for row in rows:
                self._rows_with.update(set(row))
        self._rows += len(rows)

    def convert(self, function: Callable[[Any], Any]) -> None:
        """Replace each value by the result of a function."""
        self._values, self._rows_with = (
            Counter({function(value): n for value, n in counts.items()})
            for counts in (self._values, self._rows_with)
        )

    def most_frequent(self, omitted: Collection[Any], limit: int | None) -> list[Any]:
        """Return values, most frequent first; equal frequencies in descending order."""
        known = (value for value in self._values if value not in omitted)
        return sorted(known, key=lambda v: (self._values[v], v), reverse=True)[:limit]

    def weights(self, values: Sequence[Any]) -> list[float]:
        """Return `log(1 + rows / (1 + rows with the value))` for each value."""
        return [np.log(1 + self._rows / (1 + self._rows_with[v])) for v in values]


class CountingLayer(HostLayer):
    """Base class of layers that count the values of data."""

    output_mode: Any

    @filter_traceback
    @overridable
    def adapt(self, data: PyTree, steps: int | None = None) -> None:
        """Compute the vocabulary of data, most frequent values first.

        Values of equal frequency are in descending order. With output mode `"tf_idf"`,
        each row is a document, and the weight of a value is
        `log(1 + documents / (1 + documents with the value))`.

        Args:
            data: an array, or batches: a list of arrays, a generator, a data set; or
                the `Path` of a text file with one row per line.
            steps: maximum number of batches.
        """
        batched = is_batched(data)
        self.reset_state()
        batches = batches_of(data, steps, self.list_dtype)
        if not batched:
            batches = pieces_of(batches)
        for batch in with_progress(batches, f"Adapting {self.name}"):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: ArrayLike | Sequence[Any]) -> None:
        """Count the values of a batch, for `finalize_state`.

        Args:
            data: rows of values; a single axis is one row.
        """
        rows = self._rows(self._host_array(data))
        self._counts.update(rows, self.output_mode == "tf_idf")

    def finalize_state(self) -> None:
        """Use the values that `update_state` has counted."""
        raise NotImplementedError

    def reset_state(self) -> None:
        """Reset the counts of `update_state`."""
        self._counts = ValueCounts()

    def _rows(self, values: np.ndarray) -> Sequence[Sequence[Any]]:
        """Return the values of each row of a batch, as `_values` does."""
        width = math.prod(values.shape[1:]) if values.ndim > 1 else values.size
        flat = self._values(values)
        return [flat[i : i + width] for i in range(0, len(flat), width)]

    def _values(self, values: np.ndarray) -> list[Any]:
        """Return all values as elements of the vocabulary."""
        raise NotImplementedError
