"""Sources of data sets: iterators over rows, files and functions."""

from __future__ import annotations

import functools
import glob
from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from typing import Any

import jax
import numpy as np

from lamina.compat.tensorflow.base.tensors import HostTensor, is_text, on_host
from lamina.core.random.seeds import make_seed
from lamina.errors import ArgumentError, ArgumentTypeError
from lamina.typing import PyTree

UNKNOWN, INFINITE = -2, -1
Filenames = str | PathLike[str] | Iterable[Any]


def host_items(value: object) -> Any:
    """Return a nest with tensors of the host in place of arrays, frames and lists."""
    if isinstance(value, dict):
        return {name: host_items(part) for name, part in value.items()}
    if isinstance(value, tuple):
        parts = [host_items(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if hasattr(value, "batch") or value is None:  # a data set of a window
        return value
    if isinstance(value, HostTensor):
        return value
    if isinstance(value, list) and any(isinstance(v, jax.Array) for v in value):
        value = np.stack([np.asarray(v) for v in value])
    found = on_host(value)
    first = _first(value)
    is_python = isinstance(first, (int, float)) and not isinstance(first, np.generic)
    if is_python and found.dtype == "float64":
        return found.astype("float32")
    if is_python and found.dtype == "int64" and np.all(np.abs(found) < 2**31):
        return found.astype("int32")
    return found


def _first(value: Any) -> object:
    """Return the first item of nested lists."""
    while isinstance(value, list) and value:
        value = value[0]
    return value


def slices(tensors: PyTree) -> tuple[Callable[[], Iterator[Any]], int]:
    """Return the rows of arrays, and their number.

    Raises:
        ArgumentError: the arrays have different numbers of rows.
    """
    arrays = host_items(tensors)
    lengths = {len(a) for a in jax.tree.leaves(arrays)}
    if len(lengths) != 1:
        counts = sorted(lengths)
        raise ArgumentError(f"The arrays have different numbers of rows: {counts}.")
    length = lengths.pop()
    return functools.partial(rows, arrays), length


def rows(arrays: PyTree) -> Iterator[Any]:
    """Yield the rows of arrays that have the same number of them."""
    leaves, structure = jax.tree.flatten(arrays)
    plain = [np.asarray(leaf) for leaf in leaves]
    for i in range(len(plain[0])):
        # With `...`, NumPy returns an array of a single item too.
        yield structure.unflatten([a[i, ...].view(HostTensor) for a in plain])


def generated(
    generator: Callable[..., Iterable[Any]], args: Sequence[Any], types: PyTree
) -> Callable[[], Iterator[Any]]:
    """Return the items of a generator, converted to the types of a specification.

    Raises:
        ArgumentTypeError: the generator is not a function, so it could not start again.
    """
    if not callable(generator):
        raise ArgumentTypeError(
            "from_generator: pass a function that returns an iterator, so that each "
            f"epoch can call it. Received: {type(generator).__name__}."
        )

    def items() -> Iterator[Any]:
        for item in generator(*args):
            yield typed(item, types)

    return items


def typed(item: Any, types: PyTree) -> Any:
    """Return an item with the element types of a nest of types or specifications."""
    if types is None:
        return host_items(item)
    if isinstance(types, dict):
        return {name: typed(item[name], kind) for name, kind in types.items()}
    if isinstance(types, (tuple, list)):
        return tuple(typed(part, kind) for part, kind in zip(item, types, strict=True))
    dtype = getattr(types, "dtype", types)
    if dtype == "string" or is_text(item):
        return on_host(item)
    return on_host(np.asarray(item, None if dtype is None else str(dtype)))


def text_lines(filenames: Filenames) -> Callable[[], Iterator[Any]]:
    """Return the lines of files."""

    def lines() -> Iterator[Any]:
        for name in paths(filenames):
            with open(name, "rb") as file:
                for line in file:
                    yield on_host(line.rstrip(b"\r\n"))

    return lines


def paths(filenames: Any) -> list[str]:
    """Return paths as strings."""
    if hasattr(filenames, "batch"):
        filenames = list(filenames)
    if isinstance(filenames, (list, tuple)):
        return [path for name in filenames for path in paths(name)]
    if isinstance(filenames, np.ndarray):
        return [path for name in filenames.reshape(-1).tolist() for path in paths(name)]
    return [filenames.decode() if isinstance(filenames, bytes) else str(filenames)]


def matching_files(pattern: Filenames) -> list[str]:
    """Return the files that match patterns, in order.

    Raises:
        ArgumentError: there are none.
    """
    found = sorted({path for p in paths(pattern) for path in glob.glob(p)})
    if not found:
        raise ArgumentError(f"list_files: no file matches {paths(pattern)}.")
    return found


class Orders:
    """Random generators of the epochs of a data set.

    Args:
        seed: the seed; by default the next of `tf.random.set_seed`.
        is_fixed: whether each epoch has the same order.
    """

    def __init__(self, seed: int | None, is_fixed: bool) -> None:
        self._seed = make_seed() if seed is None else int(seed)
        self._is_fixed, self._epoch = is_fixed, 0

    def next(self) -> np.random.Generator:
        """Return the generator of the next epoch."""
        words = [self._seed, 0 if self._is_fixed else self._epoch]
        self._epoch += 1
        return np.random.default_rng(words)


def shuffled(
    items: Iterable[Any], size: int, random: np.random.Generator
) -> Iterator[Any]:
    """Yield items in random order from a buffer of a size."""
    buffer: list[Any] = []
    for item in items:
        if len(buffer) < size:
            buffer.append(item)
            continue
        index = int(random.integers(size))
        yield buffer[index]
        buffer[index] = item
    for index in random.permutation(len(buffer)):
        yield buffer[index]
