"""Iterators over the items of data sets, in batches, windows and turns."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from lamina.compat.tensorflow.base.tensors import on_host
from lamina.compat.tensorflow.data.sources import host_items
from lamina.data.pipeline.collate import collate
from lamina.errors import DataError
from lamina.typing import ArrayLike, PartialShape, PyTree


def call(function: Callable[..., Any], item: object) -> Any:
    """Call a function of an item, or of its parts if it is a tuple."""
    return function(*item) if isinstance(item, tuple) else function(item)


def chunks(items: Iterable[Any], size: int, drop: bool) -> Iterator[list[Any]]:
    """Yield lists of consecutive items."""
    rest = iter(items)
    while chunk := list(itertools.islice(rest, size)):
        if len(chunk) == size or not drop:
            yield chunk


def stack(items: Sequence[Any]) -> Any:
    """Return one item with the arrays of several stacked."""
    try:
        return jax.tree.map(on_host, collate(items, len(items)))
    except DataError as error:
        raise DataError(
            f"batch: {error} Use `padded_batch`, which pads with zeros."
        ) from None


def pad_and_stack(items: Sequence[Any], shapes: PyTree, values: PyTree) -> Any:
    """Return one item with arrays padded to a shape, or to the largest, and stacked."""
    leaves, structure = jax.tree.flatten(items[0])
    columns = zip(*(jax.tree.leaves(item) for item in items), strict=True)
    count = len(leaves)
    sizes = _for_leaves(shapes, count)
    fills = _for_leaves(values, count)
    padded = map(_padded, columns, sizes, fills)
    return jax.tree.unflatten(structure, list(padded))


def _for_leaves(tree: PyTree, count: int) -> list[Any]:
    """Return a shape or value for each leaf."""
    if tree is None:
        return [None] * count
    is_leaf = _is_shape
    leaves = jax.tree.leaves(tree, is_leaf=lambda v: v is None or is_leaf(v))
    return leaves if len(leaves) == count else leaves * count


def _is_shape(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(
        n is None or isinstance(n, (int, np.integer)) for n in value
    )


def _padded(
    arrays: Sequence[Any],
    shape: PartialShape | None,
    value: ArrayLike | str | bytes | None,
) -> Any:
    arrays = [np.asarray(a) for a in arrays]
    largest = [max(a.shape[i] for a in arrays) for i in range(arrays[0].ndim)]
    if shape is not None:
        pairs = zip(shape, largest, strict=True)
        largest = [m if n in (None, -1) else n for n, m in pairs]
    is_object = arrays[0].dtype.kind in "OSU"
    fill = (b"" if is_object else 0) if value is None else np.asarray(value).item()
    found = np.full((len(arrays), *largest), fill, arrays[0].dtype)
    for i, array in enumerate(arrays):
        found[(i, *map(slice, array.shape))] = array
    return on_host(found)


def windows(
    items: Iterable[Any], size: int, shift: int, stride: int, drop: bool
) -> Iterator[list[Any]]:
    """Yield lists of every `stride`-th item, each `shift` items apart."""
    span = (size - 1) * stride + 1
    rest, held = iter(items), deque[Any]()
    while True:
        held.extend(itertools.islice(rest, max(0, span - len(held))))
        if not held or (drop and len(held) < span):
            return
        yield list(itertools.islice(held, 0, span, stride))
        for _ in range(min(shift, len(held))):
            held.popleft()
        skipped = shift - span
        if skipped > 0:
            deque(itertools.islice(rest, skipped), maxlen=0)


def in_turns(sources: Iterable[Iterable[Any]], cycle: int, block: int) -> Iterator[Any]:
    """Yield blocks of items of several iterables in turns.

    An iterable that ends is replaced when its turn comes again.
    """
    waiting = map(iter, sources)
    active: list[Iterator[Any] | None] = [None] * cycle
    for i in itertools.cycle(range(cycle)):
        current = active[i] = active[i] or next(waiting, None)
        if current is None:
            if not any(active):
                return
            continue
        count = 0
        for item in itertools.islice(current, block):
            count += 1
            yield item
        if count < block:
            active[i] = None


def sampled(
    active: list[tuple[Iterator[Any], float]],
    random: np.random.Generator,
    stop_on_empty: bool,
) -> Iterator[Any]:
    """Yield items of iterators, each chosen with a probability of its weight."""
    while active:
        weights = np.array([weight for _, weight in active])
        index = int(random.choice(len(active), p=weights / weights.sum()))
        try:
            yield next(active[index][0])
        except StopIteration:
            if stop_on_empty:
                return
            del active[index]


def zipped(sources: Sequence[Iterator[Any]], structure: Any) -> Iterator[Any]:
    """Yield nests of the items of several iterators, of a structure."""
    for items in zip(*sources, strict=False):
        yield jax.tree.unflatten(structure, list(items))


def mapped(items: Iterable[Any], function: Callable[..., Any]) -> Iterator[Any]:
    """Yield the results of a function of each item; a list is that of several parts."""
    for item in items:
        found = call(function, item)
        yield host_items(tuple(found) if isinstance(found, list) else found)
