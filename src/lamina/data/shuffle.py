"""Orders of rows as functions, without stored permutations.

An order is a bijection of 0, ..., rows - 1. Any part of it can be computed alone, so
that shuffling ten million rows needs neither memory nor a sort. NumPy computes it: in
a program it would take longer to compile than to run.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import jax
import numpy as np

from lamina.data.rows import aligned_zeros
from lamina.runtime.placement import current, is_spread, put_replicated

# Rounds of both halves. Chi-square and correlation tests stop improving at three.
_ROUNDS = 4
_BLOCK = 2**14  # positions whose temporary arrays fit the processor's cache
# Positions that are computed together: their rows take half a megabyte.
_WINDOW = 2**17
_MOST_EPOCHS = 128

_32_BITS = 0xFFFFFFFF
_STEP = np.uint32(0x9E3779B9)  # 2**32 divided by the golden ratio
_NUMBERS = np.arange(1, 2 * _ROUNDS + 1, dtype=np.uint32)[:, None]
# Of the hash. NumPy takes as long to make such a number as to use it.
_SHIFT, _LAST_SHIFT = np.uint32(16), np.uint32(15)
_FACTOR, _LAST_FACTOR = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)


def permutation(seed: int, epoch: int, rows: int) -> np.ndarray:
    """Return the order of all rows in an epoch, a function of seed and epoch."""
    return shuffled(0, rows, rows, seed, epoch)


def shuffled(start: int, count: int, rows: int, seed: int, epoch: int) -> np.ndarray:
    """Return the rows at `count` positions of an epoch's order, from `start` on."""
    return _Orders(rows).part(seed, epoch, start, count)


class _Orders:
    """Orders of rows by a Feistel network.

    It permutes pairs (a, b) with a * b >= rows. Results beyond the last row are
    permuted again until they are in range; their share is below 1 / sqrt(rows).

    Reference:
        Black and Rogaway 2002, "Ciphers with arbitrary finite domains"; Mitchell et
        al. 2021, "Bandwidth-optimal random shuffling for GPUs".
    """

    def __init__(self, rows: int) -> None:
        root = math.isqrt(rows - 1) + 1
        self._rows = rows
        self._a, self._b = np.uint64(root), np.uint64(-(-rows // root))
        limits = np.array([self._a, self._b] * _ROUNDS, np.uint32)
        self._limits = limits[:, None, None]
        self._values = np.arange(root, dtype=np.uint32)

    def epochs(self, seed: int, first: int, count: int) -> np.ndarray:
        """Return whole orders of epochs, of shape (count, rows)."""
        rows, size = self._rows, int(self._a) * int(self._b)
        found = np.empty((count, rows), np.int32)
        step = max(1, _BLOCK // size)
        for start in range(0, count, step):
            part = found[start : start + step]
            terms = self._terms(seed, first + start, len(part))
            every = self._permute(np.arange(size, dtype=np.uint64), terms)
            part[:] = every[:, :rows]
            at = np.nonzero(part >= rows)
            while at[0].size:
                part[at] = values = every[at[0], part[at]]
                still = values >= rows
                at = at[0][still], at[1][still]
        return found

    def part(self, seed: int, epoch: int, start: int, count: int) -> np.ndarray:
        """Return the rows at `count` positions of an epoch's order."""
        found, terms = np.empty(count, np.int32), self._terms(seed, epoch, 1)
        for first in range(start, start + count, _BLOCK):
            last = min(first + _BLOCK, start + count)
            x = self._permute(np.arange(first, last, dtype=np.uint64), terms)[0]
            at = np.flatnonzero(x >= self._rows)
            while at.size:
                x[at] = self._permute(x[at], terms)[0]
                at = at[x[at] >= self._rows]
            found[first - start : last - start] = x
        return found

    def _terms(self, seed: int, first: int, count: int) -> np.ndarray:
        """Return what each round adds to a half, of shape (rounds, epochs, values).

        That depends on the value of the other half, of which there are few.
        """
        start = _mix(np.array([seed & _32_BITS], np.uint32))
        epochs = np.array(np.arange(first, first + count) & _32_BITS, np.uint32)
        keys = _mix(_mix(start + epochs * _STEP) + _NUMBERS)[..., None]
        return (_mix(keys + self._values) % self._limits).astype(np.uint64)

    def _permute(self, x: np.ndarray, terms: np.ndarray) -> np.ndarray:
        """Permute positions of shape (count,) in epochs: (epochs, count)."""
        a, b = self._a, self._b
        rounds, epochs, values = terms.shape
        terms = terms.reshape(rounds, epochs * values)
        first = np.arange(epochs, dtype=np.uint64)[:, None] * np.uint64(values)
        left = x // b
        right = x - left * b
        for i in range(0, rounds, 2):
            left = _add(left, terms[i].take((right + first).view(np.int64)), a)
            right = _add(right, terms[i + 1].take((left + first).view(np.int64)), b)
        return left * b + right


class Window(NamedTuple):
    """Rows at consecutive positions of the orders of one or several epochs."""

    seed: int
    epoch: int  # the first epoch
    epochs: int
    start: int  # the first position, in each epoch
    rows: Any  # flat, for the largest number of epochs


class OrderWindows:
    """Windows of the orders of some rows, of which the latest is retained.

    All have the same shape, so that one program takes them. If epochs are short, a
    window has several: as many as are wanted, or twice as many as the one before, since
    NumPy takes as long for one small order as for ten.

    Args:
        rows: number of rows.
        stride: rows in a batch.
        least: the smallest number of batches in a window.
    """

    def __init__(self, rows: int, stride: int, least: int) -> None:
        self.positions = min(rows, max(_WINDOW // stride, least) * stride)
        self.batches = -(-self.positions // stride)
        self.epochs = max(1, min(_MOST_EPOCHS, _WINDOW // rows))
        self._rows, self._stride, self._orders = rows, stride, _Orders(rows)
        self._latest = self._next = Window(0, 0, 0, 0, None)
        self._follows = False

    def at(self, seed: int, epoch: int, batch: int, epochs: int = 1) -> Window:
        """Return the window with a batch of an epoch, and of later epochs."""
        start = batch // self.batches * self.batches * self._stride

        def has(window: Window) -> bool:
            end, wanted = window.epoch + window.epochs, epoch + epochs
            same = (window.seed, window.start) == (seed, start)
            return same and window.epoch <= epoch and wanted <= end

        latest = self._latest
        if has(latest):
            if isinstance(latest.rows, np.ndarray):
                # A transfer pays off with the second dispatch.
                latest = latest._replace(rows=jax.device_put(latest.rows))
                self._latest = latest
            return latest
        follows = (seed, epoch, start) == (latest.seed, *self._after(latest))
        found = self._next
        if not has(found):
            count = max(epochs, self._next_count() if follows else 1)
            found = self._make(seed, epoch, start, count)
        self._latest, self._follows = found, follows
        return found

    def prepare(self) -> None:
        """Compute the next window if the latest followed another.

        Called while a program runs, this takes no time of the training.
        """
        seed, (epoch, start) = self._latest.seed, self._after(self._latest)
        if self._follows and (seed, epoch, start) != (
            self._next.seed,
            self._next.epoch,
            self._next.start,
        ):
            self._next = self._make(seed, epoch, start, self._next_count())

    def _next_count(self) -> int:
        return min(self.epochs, 2 * self._latest.epochs)

    def _after(self, window: Window) -> tuple[int, int]:
        """Return the epoch and the first position of the window after another."""
        start = window.start + self.batches * self._stride
        if start < self._rows:
            return window.epoch, start
        return window.epoch + window.epochs, 0

    def _make(self, seed: int, epoch: int, start: int, epochs: int) -> Window:
        count = self.positions
        # Values that are not computed are valid rows, which programs may gather.
        rows = aligned_zeros((self.epochs, count), np.dtype(np.int32))
        if count == self._rows:
            rows[:epochs] = self._orders.epochs(seed, epoch, epochs)
        else:
            count = min(count, self._rows - start)
            rows[0, :count] = self._orders.part(seed, epoch, start, count)
        flat = rows.reshape(-1)
        if is_spread():
            flat = put_replicated(flat)
        return Window(seed, epoch, epochs, start, flat)


def order_windows(rows: int, stride: int, least: int) -> OrderWindows:
    """Return the windows that all programs for such data share."""
    return _shared_windows(rows, stride, least, current())


@functools.lru_cache(maxsize=16)
def _shared_windows(rows: int, stride: int, least: int, _: object) -> OrderWindows:
    return OrderWindows(rows, stride, least)


def _add(x: np.ndarray, y: np.ndarray, limit: np.uint64) -> np.ndarray:
    """Add x and y modulo `limit`, for both below it."""
    total = x + y
    return np.minimum(total, total - limit)  # the second wraps around if it is smaller


def _mix(x: np.ndarray) -> np.ndarray:
    """Hash 32-bit integers: each bit of the result depends on all bits of x.

    Reference:
        Ellis 2018, "Prospecting for hash functions" (lowbias32).
    """
    x = (x ^ (x >> _SHIFT)) * _FACTOR
    x = (x ^ (x >> _LAST_SHIFT)) * _LAST_FACTOR
    return x ^ (x >> _SHIFT)
