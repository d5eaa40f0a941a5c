"""Checks of the data of several processes, and shares of rows."""

from __future__ import annotations

import zlib
from collections.abc import Generator
from contextlib import closing
from typing import Any

import jax
import numpy as np

from lamina.data.batches import Batches, Segment
from lamina.data.feeds import Feed
from lamina.distribution.local_data import LocalData
from lamina.errors import ArgumentError, DataError
from lamina.runtime.placement import (
    current,
    is_shared,
    processes,
    put_shares,
    same_in_all,
)

_SAME = (
    "The processes have different data or arguments. Each needs the same arguments, "
    "and the same rows in the same order. Where each has its own share of the rows, "
    "pass lamina.distribution.local_data(x)."
)
_SAME_CALLBACKS = (
    "The processes have different callbacks. Pass the callbacks of lamina, and those "
    "with methods for batches, to `fit` in all of them, with the same arguments: only "
    "the first process writes files and prints."
)
_SAME_BATCHES = (
    "The processes have different numbers of batches, or batches of different shapes. "
    "Each needs as many rows as the others: leave out the rows that cannot be divided."
)


def unmarked(data: Any) -> tuple[Any, bool]:
    """Return data, and whether `local_data` has marked it or a part of it."""
    if isinstance(data, LocalData):
        return data.data, True
    if isinstance(data, tuple):
        parts = [unmarked(part) for part in data]
        if any(is_marked for _, is_marked in parts):
            return tuple(part for part, _ in parts), True
    return data, False


def is_share(data: object, is_marked: bool) -> bool:
    """Return whether this process has only its share of the rows of some data."""
    if not is_shared():
        return False
    # Of PyTorch's `DistributedSampler`.
    replicas = getattr(getattr(data, "sampler", None), "num_replicas", 1)
    return is_marked or replicas > 1 or not current().auto_shard_dataset


def rows_of_share(batch_size: int, rows: int) -> int:
    """Return how many rows of a batch this process has.

    Args:
        batch_size: the rows of all processes in a batch.
        rows: number of rows that this process has.

    Raises:
        ArgumentError: the processes cannot have equal shares.
    """
    count = len(processes(current()))
    if batch_size >= count * rows:
        return rows
    if batch_size % count:
        raise ArgumentError(
            f"{count} processes cannot have equal shares of a batch of {batch_size} "
            f"rows. Pass batch_size={max(batch_size // count, 1) * count}."
        )
    return batch_size // count


def check_same_data(feed: Feed, arguments: tuple[Any, ...]) -> None:
    """Check that all processes train on the same data, or on shares of equal size.

    Otherwise they would wait for each other forever.

    Args:
        feed: the data.
        arguments: other values that must be equal.

    Raises:
        DataError: the data or the values differ.
    """
    if not is_shared():
        return
    shapes = [(a.shape, str(a.dtype)) for a in jax.tree.leaves(feed.example())]
    hashes = [] if feed.is_share else [_ends(a) for a in jax.tree.leaves(feed.sample())]
    if not same_in_all((arguments, feed.steps, feed.is_share, shapes, hashes)):
        raise DataError(_SAME)


def check_same_callbacks(*needs: object) -> None:
    """Check that all processes have the same callbacks, as far as training needs it.

    Args:
        *needs: what must be equal.

    Raises:
        ArgumentError: they do not.
    """
    if is_shared() and not same_in_all(needs):
        raise ArgumentError(_SAME_CALLBACKS)


def checked_segments(segments: Generator[Segment]) -> Generator[Segment]:
    """Yield segments, after a check that all processes have the same next one, or none.

    Raises:
        DataError: their batches differ in number or shape.
    """
    with closing(segments):
        while True:
            segment = next(segments, None)
            if not same_in_all(segment and _shapes(segment)):
                raise DataError(_SAME_BATCHES)
            if segment is None:
                return
            yield segment


def single_batches(feed: Feed) -> Generator[Segment]:
    """Yield each batch as a segment: a step alone is compiled for it."""
    for i, batch in enumerate(feed.batches()):
        batch = put_shares(batch) if feed.is_share else batch
        yield Segment(batch, Batches("batch"), i, i + 1)


def _shapes(segment: Segment) -> tuple[int, int, list[Any]]:
    shapes = [a.shape for a in jax.tree.leaves(segment.data)]
    return segment.first, segment.last, shapes


def _ends(array: Any) -> int:
    """Return a hash of the first and the last row."""
    rows = np.concatenate([np.asarray(array[:1]), np.asarray(array[-1:])])
    # The bytes of objects are their addresses.
    is_object = rows.dtype == object
    return zlib.crc32(repr(rows.tolist()).encode() if is_object else rows.tobytes())
