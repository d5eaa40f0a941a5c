"""Values of the labels of an output, as rules take them."""

from __future__ import annotations

from functools import cached_property

import jax
import numpy as np

_MAX_CLASSES = 10_000
_MOST_LABELS = 1_000_000


class Labels:
    """Values of an output's labels; of many, those of some rows, evenly spread.

    Args:
        values: the labels of all rows, or of the first batch of a stream.
    """

    def __init__(self, values: np.ndarray) -> None:
        self.are_all = values.size <= _MOST_LABELS
        step = -(-values.size // _MOST_LABELS)
        self.values = values if self.are_all else values[::step]

    @cached_property
    def range(self) -> tuple[float, float]:
        """Smallest and largest value."""
        return float(self.values.min()), float(self.values.max())

    @cached_property
    def are_integers(self) -> bool:
        """True if all values are whole numbers."""
        values = self.values
        return values.dtype.kind in "iub" or bool((values == np.rint(values)).all())

    @cached_property
    def width(self) -> int:
        """Number of columns; 0 for one value for each row without an axis."""
        return self.values.shape[-1] if self.values.ndim > 1 else 0

    @cached_property
    def are_one_hot(self) -> bool:
        """True if each row has one 1 among zeros, in two columns or more."""
        if self.width < 2 or not self.are_integers or self.range != (0, 1):
            return False
        return bool((self.values.sum(-1) == 1).all())

    @cached_property
    def has_several_ones(self) -> bool:
        """True if rows are zeros and ones, and at least 1 in 20 has several ones."""
        if self.width < 2 or not self.are_integers or self.range != (0, 1):
            return False
        return bool((self.values.sum(-1) > 1).mean() > 1 / 20)

    @cached_property
    def counts(self) -> dict[int, int]:
        """Number of rows of each class; empty if the values are not all or no classes.

        Classes are one-hot columns, or integers from 0 with few different values.
        """
        if not self.are_all:
            return {}
        if self.are_one_hot:
            indices = self.values.argmax(-1).ravel()
        elif self.width > 1 or not self.are_integers or self.range[0] < 0:
            return {}
        else:
            indices = self.values.ravel()
        if self.range[1] > _MAX_CLASSES:
            return {}
        counts = np.bincount(indices.astype(int))
        return {int(c): int(counts[c]) for c in np.flatnonzero(counts)}


def labels_of(labels: object) -> Labels | None:
    """Return the values of labels; `None` for shapes, no rows, or no numbers."""
    if not isinstance(labels, (np.ndarray, jax.Array)):
        return None
    values = np.asarray(labels)
    return Labels(values) if values.size and values.dtype.kind in "biuf" else None
