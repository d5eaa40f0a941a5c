"""Rows of data as a report shows them: images, texts, series and tables."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lamina.data.adapt import is_array_data, unpack_x_y_sample_weight
from lamina.data.arrays import map_arrays
from lamina.report.run import rounded, thinned
from lamina.typing import ArrayLike, PyTree

# Pixels of the longer side of an image, characters of a text, numbers of a row.
_SIDE, _CHARACTERS, _TOKENS, _POINTS, _FEATURES = 64, 400, 60, 60, 8


class Sample(NamedTuple):
    """Some rows of data: inputs, targets, their numbers, and that of all rows."""

    x: Any
    y: Any
    numbers: np.ndarray
    total: int | None


def some_rows(data: Any, most: int, share: float = 1.0) -> Sample | None:
    """Return some rows of data.

    Args:
        data: `(x, y)` or `(x, y, sample_weight)` of arrays, or an iterable of batches.
        most: largest number of rows, which are spread evenly over arrays.
        share: the part of the rows of arrays, from the end, to use.

    Returns:
        `None` if there are no targets, or batches can be read only once.
    """
    is_batch = isinstance(data, (tuple, list))
    x, y, _ = unpack_x_y_sample_weight(data) if is_batch else (data, None, None)
    if x is None:
        return None
    if not is_array_data(x):
        return None if isinstance(x, Iterator) else _first_batches(x, most)
    x, y = _as_arrays(x), _as_arrays(y)
    leaves = list(_leaves(x))
    if y is None or not leaves:
        return None
    count = len(leaves[0])
    first = int(np.floor(count * (1.0 - share)))  # as `validation_split` does
    rows = first + np.asarray(thinned(count - first, most))
    return Sample(take(x, rows), take(y, rows), rows, count - first)


def _first_batches(batches: Iterable[Any], most: int) -> Sample | None:
    found: list[tuple[PyTree, PyTree]] = []
    count = 0
    for batch in _iterated(batches):
        x, y, _ = unpack_x_y_sample_weight(batch)
        if y is None:
            return None
        found.append((x, y))
        count += len(next(_leaves(x)))
        if count >= most:
            break
    if not found:
        return None
    x, y = (_joined(list(trees)) for trees in zip(*found, strict=True))
    return Sample(x, y, np.arange(count), None)


def first_rows(x: PyTree, most: int) -> PyTree:
    """Return at most `most` rows from the start of arrays."""
    x = _as_arrays(x)
    return take(x, np.arange(min(most, len(next(_leaves(x))))))


def _as_arrays(tree: PyTree) -> PyTree:
    """Return a tree in which lists of numbers are arrays."""
    return map_arrays(lambda v: v if hasattr(v, "shape") else np.asarray(v), tree)


def _iterated(batches: Any) -> Iterable[Any]:
    if hasattr(batches, "__getitem__") and hasattr(batches, "__len__"):
        return (batches[i] for i in range(len(batches)))
    return batches


def _joined(trees: Sequence[Any]) -> Any:
    first = trees[0]
    if isinstance(first, Mapping):
        return {key: _joined([tree[key] for tree in trees]) for key in first}
    if isinstance(first, (list, tuple)):
        return [_joined(list(parts)) for parts in zip(*trees, strict=True)]
    return np.concatenate([np.asarray(tree) for tree in trees])


def _leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, Mapping):
        for value in tree.values():
            yield from _leaves(value)
    elif _is_list_of_arrays(tree):
        for value in tree:
            yield from _leaves(value)
    elif tree is not None:
        yield tree


def _is_list_of_arrays(tree: object) -> bool:
    return isinstance(tree, (list, tuple)) and bool(tree) and hasattr(tree[0], "shape")


def take(tree: Any, rows: np.ndarray) -> PyTree:
    """Return some rows of each array or frame in a tree."""
    if isinstance(tree, Mapping):
        return {key: take(value, rows) for key, value in tree.items()}
    if hasattr(tree, "iloc"):
        return tree.iloc[rows]
    if _is_list_of_arrays(tree):
        return [take(value, rows) for value in tree]
    return tree[rows]


class Rows:
    """Inputs as they are shown: the first array of a tree that says most.

    Args:
        x: inputs: an array or a frame, or a tree of them.
        index: the number of each row in the data.
    """

    def __init__(self, x: PyTree, index: np.ndarray) -> None:
        leaves = [
            # Of sparse matrices, as many columns as are shown.
            leaf[:, :_FEATURES].toarray() if hasattr(leaf, "toarray") else leaf
            for leaf in _leaves(x)
        ]
        self._index = index
        leaf = min(leaves, key=_rank)
        self._names = [str(name) for name in getattr(leaf, "columns", ())]
        self._array = np.asarray(leaf)
        self._kind = _kind(self._array)
        self._range = _value_range(self._array) if self._kind == "image" else (0.0, 1.0)

    def show(self, index: int) -> dict[str, Any]:
        """Return one row as JSON data: its number, and its content by its kind."""
        return {"row": int(self._index[index]), **self._content(self._array[index])}

    def _content(self, row: np.ndarray) -> dict[str, Any]:
        if self._kind == "image":
            return {"kind": "image", "png": image_url(row, *self._range)}
        if self._kind == "text":
            return {"kind": "text", "text": _cut(str(np.ravel(row)[0]))}
        if self._kind == "tokens":
            return {"kind": "text", "text": _token_text(row)}
        if self._kind == "series":
            step = max(1, len(row) // _POINTS)
            return {"kind": "series", "values": rounded(row[::step, :3].T)}
        values = np.ravel(row)[:_FEATURES]
        names = self._names or [f"x{i}" for i in range(len(values))]
        pairs = zip(names, values.tolist(), strict=False)
        return {"kind": "table", "cells": [[n, rounded(v)] for n, v in pairs]}


def _rank(leaf: ArrayLike) -> int:
    order = ("image", "text", "tokens", "series", "table")
    return order.index(_kind(np.asarray(leaf)))


def _kind(array: np.ndarray) -> str:
    """Return how rows of an array are shown."""
    if array.dtype.kind in "OUST":
        return "text" if array.size == len(array) else "table"
    if array.ndim == 4 and array.shape[-1] in (1, 3, 4):
        return "image"
    if array.ndim == 3:
        _, height, width = array.shape
        return "image" if height == width and height > 3 else "series"
    is_integer = array.dtype.kind in "iu"
    return (
        "tokens" if array.ndim == 2 and is_integer and array.shape[1] > 8 else "table"
    )


def _cut(text: str) -> str:
    return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]} ..."


def _token_text(row: np.ndarray) -> str:
    known = np.flatnonzero(row)
    shown = row[known[0] : known[-1] + 1] if len(known) else row[:1]
    dots = " ..." if len(shown) > _TOKENS else ""
    return " ".join(map(str, shown[:_TOKENS].tolist())) + dots


def _value_range(images: np.ndarray) -> tuple[float, float]:
    """Return the values that are black and white: 0 and 1 or 255, or the extremes."""
    low, high = float(images.min()), float(images.max())
    if low < 0:
        return low, high
    if images.dtype.kind in "ui" and high <= 16:
        return 0.0, max(high, 1.0)
    return (0.0, 1.0) if high <= 1 else (0.0, 255.0) if high > 100 else (0.0, high)


def image_url(image: np.ndarray, low: float, high: float) -> str:
    """Return an image as a `data:` address.

    Args:
        image: array of shape (height, width) or (height, width, channels).
        low: value of black.
        high: value of white.
    """
    step = -(-max(image.shape[:2]) // _SIDE)
    image = np.asarray(image, float)[::step, ::step]
    scaled = (image - low) / (high - low if high > low else 1) * 255
    return png_url(np.clip(np.nan_to_num(scaled), 0, 255).astype(np.uint8))


def png_url(pixels: np.ndarray) -> str:
    """Return 8-bit pixels as the `data:` address of a PNG image.

    Args:
        pixels: array of shape (height, width) or (height, width, channels) with 1
            channel for gray, 2 for gray and alpha, 3 for RGB or 4 for RGBA.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    height, width, channels = pixels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    # Each line starts with the number of its filter: none.
    lines = np.zeros((height, 1 + width * channels), np.uint8)
    lines[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    chunks = (
        (b"IHDR", header),
        (b"IDAT", zlib.compress(lines.tobytes(), 6)),
        (b"IEND", b""),
    )
    data = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + checksum
