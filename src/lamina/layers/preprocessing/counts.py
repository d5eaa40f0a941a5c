"""Counts of the values in rows, from which a vocabulary is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import chain
from typing import Any

import numpy as np


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
