"""Rows of different lengths, as functions of text return them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from lamina.compat.tensorflow.base.sparse import SparseTensor
from lamina.compat.tensorflow.base.tensors import TensorShape, constant, on_host
from lamina.errors import ArgumentTypeError
from lamina.typing import ArrayLike, DTypeLike, PartialShape


class RaggedTensor:
    """Rows of different lengths, to look at or to pad; functions do not take it.

    Args:
        rows: tensors, or such rows themselves.
    """

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = [constant(r) if isinstance(r, list) else r for r in rows]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def __getitem__(self, index: int | slice) -> Any:
        found = self._rows[index]
        return ragged(found) if isinstance(index, slice) else found

    @property
    def shape(self) -> TensorShape:
        """The number of rows, and `None` for their lengths."""
        return TensorShape((len(self._rows), None))

    @property
    def dtype(self) -> Any:
        """The element type."""
        return self._rows[0].dtype if self._rows else np.dtype("float32")

    def map(self, function: Callable[[Any], Any]) -> RaggedTensor:
        """Return the results of a function of each row."""
        return RaggedTensor([function(row) for row in self._rows])

    def to_list(self) -> list[Any]:
        """Return nested lists."""
        return [
            r.to_list() if isinstance(r, RaggedTensor) else r.tolist() for r in self
        ]

    @classmethod
    def from_row_lengths(
        cls, values: Any, row_lengths: Sequence[int] | np.ndarray, **_: object
    ) -> RaggedTensor:
        """Return rows of these lengths."""
        ends = np.cumsum(np.asarray(row_lengths, int)).tolist()
        pairs = zip([0, *ends], ends, strict=False)
        items = values if hasattr(values, "dtype") else constant(values)
        return cls([items[start:end] for start, end in pairs])

    @classmethod
    def from_row_splits(
        cls, values: Any, row_splits: Sequence[int] | np.ndarray, **_: object
    ) -> RaggedTensor:
        """Return rows between these positions."""
        return cls.from_row_lengths(values, np.diff(np.asarray(row_splits)))

    @classmethod
    def from_row_starts(
        cls, values: Any, row_starts: Sequence[int] | np.ndarray, **_: object
    ) -> RaggedTensor:
        """Return rows that start at these positions."""
        return cls.from_row_splits(values, [*np.asarray(row_starts), len(values)])

    @classmethod
    def from_value_rowids(
        cls,
        values: Any,
        value_rowids: Sequence[int] | np.ndarray,
        nrows: int | None = None,
        **_: object,
    ) -> RaggedTensor:
        """Return rows of the items that have these row numbers, in order."""
        rows = np.asarray(value_rowids, int)
        return cls.from_row_lengths(values, np.bincount(rows, minlength=nrows or 0))

    @classmethod
    def from_tensor(
        cls, tensor: Any, lengths: Any = None, padding: Any = None, **_: object
    ) -> RaggedTensor:
        """Return the rows of a matrix, cut to lengths or without padding."""
        tensor = tensor if hasattr(tensor, "dtype") else constant(tensor)
        array = np.asarray(tensor)
        if padding is not None:
            used = np.cumsum((array != padding)[:, ::-1], axis=1)[:, ::-1] > 0
            lengths = used.sum(1)
        sizes = [array.shape[1]] * len(array) if lengths is None else lengths
        return cls([tensor[i][: int(size)] for i, size in enumerate(sizes)])

    @classmethod
    def from_sparse(cls, st_input: SparseTensor, **_: object) -> RaggedTensor:
        """Return the values of each row of a sparse matrix."""
        rows = np.asarray(st_input.indices)[:, 0]
        count = int(st_input.dense_shape[0])
        return cls.from_row_lengths(st_input.values, np.bincount(rows, minlength=count))

    def to_sparse(self, name: str = "") -> SparseTensor:
        """Return the rows as a sparse matrix."""
        return SparseTensor.of_rows(self._rows)

    def row_lengths(self) -> Any:
        """Return the number of items of each row."""
        return constant([len(row) for row in self])

    def bounding_shape(self, axis: int | None = None, **_: object) -> Any:
        """Return the number of rows and the largest length, or one of them."""
        sizes = len(self), max(map(len, self._rows), default=0)
        return constant(sizes if axis is None else sizes[axis])

    def nrows(self) -> Any:
        """Return the number of rows."""
        return constant(len(self))

    @property
    def row_splits(self) -> Any:
        """Position at which each row starts, and the end."""
        return constant(np.cumsum([0, *map(len, self._rows)]))

    @property
    def values(self) -> Any:
        """The items of all rows."""
        return constant(np.concatenate([np.asarray(row) for row in self]))

    @property
    def flat_values(self) -> Any:
        """The innermost items."""
        is_nested = any(isinstance(row, RaggedTensor) for row in self)
        if not is_nested:
            return self.values
        return constant(np.concatenate([np.asarray(r.flat_values) for r in self]))

    def to_tensor(
        self,
        default_value: ArrayLike | str | bytes | None = None,
        name: str = "",
        shape: PartialShape | None = None,
    ) -> Any:
        """Return a tensor with the rows padded at their end."""
        rows = [np.asarray(row) for row in self]
        is_text = any(row.dtype.kind in "OSU" for row in rows)
        width = max((len(row) for row in rows), default=0)
        if shape is not None and shape[-1] is not None:
            width = int(shape[-1])
        fill = (b"" if is_text else 0) if default_value is None else default_value
        kind = object if is_text else self.dtype
        found = np.full((len(rows), width, *rows[0].shape[1:]), fill, kind)
        for line, row in zip(found, rows, strict=True):
            line[: len(row)] = row[:width]
        return on_host(found) if is_text else constant(found)

    def numpy(self) -> np.ndarray:
        """Return an array of rows."""
        found = np.empty(len(self), object)
        found[:] = [np.asarray(row) for row in self]
        return found

    def __array__(
        self, dtype: DTypeLike = None, copy: bool | None = None
    ) -> np.ndarray:
        raise ArgumentTypeError(
            "A RaggedTensor has rows of different lengths, which programs cannot take. "
            "Pad them: `x.to_tensor()`."
        )

    def __repr__(self) -> str:
        return f"<RaggedTensor {self.to_list()}>"


def concatenated(tensors: Sequence[Any], axis: int) -> RaggedTensor:
    """Return all rows, or for axis 1 the items of each row joined."""
    if axis == 0:
        return ragged([row for tensor in tensors for row in tensor])
    rows = zip(*tensors, strict=True)
    return ragged([constant(np.concatenate(list(map(np.asarray, r)))) for r in rows])


def ragged(rows: Sequence[Any]) -> RaggedTensor:
    """Return rows of different lengths."""
    return RaggedTensor(rows)


def constant_rows(
    pylist: Sequence[Any], dtype: DTypeLike = None, **_: object
) -> RaggedTensor:
    """Return rows from nested lists."""
    is_nested = any(isinstance(i, (list, tuple)) for row in pylist for i in row)
    make = constant_rows if is_nested else constant
    return RaggedTensor([make(row, dtype) for row in pylist])
