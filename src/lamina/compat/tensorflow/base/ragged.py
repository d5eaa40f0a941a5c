"""Rows of different lengths, as functions of text return them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import jax
import numpy as np

from lamina.compat.tensorflow.base.sparse import SparseTensor
from lamina.compat.tensorflow.base.tensors import (
    TensorShape,
    constant,
    is_text,
    on_host,
)
from lamina.errors import ArgumentTypeError
from lamina.typing import ArrayLike, DTypeLike, PartialShape


class _Rows:
    """Rows of different lengths, and the ways to create them.

    Args:
        rows: tensors, or such rows themselves.
    """

    __array_ufunc__ = None  # operators of arrays leave it to those of the rows

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = [constant(r) if isinstance(r, list) else r for r in rows]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    @classmethod
    def from_row_lengths(
        cls, values: Any, row_lengths: Sequence[int] | np.ndarray, **_: object
    ) -> Self:
        """Return rows of these lengths."""
        ends = np.cumsum(np.asarray(row_lengths, int)).tolist()
        pairs = zip([0, *ends], ends, strict=False)
        items = values if hasattr(values, "dtype") else constant(values)
        return cls([items[start:end] for start, end in pairs])

    @classmethod
    def from_row_splits(
        cls, values: Any, row_splits: Sequence[int] | np.ndarray, **_: object
    ) -> Self:
        """Return the rows of `values` between neighboring positions."""
        return cls.from_row_lengths(values, np.diff(np.asarray(row_splits)))

    @classmethod
    def from_row_starts(
        cls, values: Any, row_starts: Sequence[int] | np.ndarray, **_: object
    ) -> Self:
        """Return rows that start at these positions."""
        return cls.from_row_splits(values, [*np.asarray(row_starts), len(values)])

    @classmethod
    def from_value_rowids(
        cls,
        values: Any,
        value_rowids: Sequence[int] | np.ndarray,
        nrows: int | None = None,
        **_: object,
    ) -> Self:
        """Return rows of the items that have these row numbers, in order."""
        rows = np.asarray(value_rowids, int)
        return cls.from_row_lengths(values, np.bincount(rows, minlength=nrows or 0))

    @classmethod
    def from_tensor(
        cls, tensor: Any, lengths: Any = None, padding: Any = None, **_: object
    ) -> Self:
        """Return the rows of a matrix, cut to lengths or without padding."""
        tensor = tensor if hasattr(tensor, "dtype") else constant(tensor)
        array = np.asarray(tensor)
        if padding is not None:
            used = np.cumsum((array != padding)[:, ::-1], axis=1)[:, ::-1] > 0
            lengths = used.sum(1)
        sizes = [array.shape[1]] * len(array) if lengths is None else lengths
        return cls([tensor[i][: int(size)] for i, size in enumerate(sizes)])

    @classmethod
    def from_sparse(cls, st_input: SparseTensor, **_: object) -> Self:
        """Return the values of each row of a sparse matrix."""
        rows = np.asarray(st_input.indices)[:, 0]
        count = int(st_input.dense_shape[0])
        return cls.from_row_lengths(st_input.values, np.bincount(rows, minlength=count))


class RaggedTensor(_Rows):
    """Rows of different lengths, for operators and functions of text, or to pad."""

    def __getitem__(self, index: Any) -> Any:
        first, *rest = index if isinstance(index, tuple) else (index,)
        if not isinstance(first, slice):
            row = self._rows[int(first)]
            return row[tuple(rest)] if rest else row
        rows = self._rows[first]
        return ragged([row[tuple(rest)] for row in rows] if rest else rows)

    @property
    def shape(self) -> TensorShape:
        """The number of rows, `None` for their lengths, and the shape of an item."""
        inner = self._rows[0].shape[1:] if self._rows else ()
        return TensorShape((len(self._rows), None, *inner))

    def get_shape(self) -> TensorShape:
        """Return the shape."""
        return self.shape

    @property
    def ragged_rank(self) -> int:
        """The number of axes whose lengths differ."""
        return 1 + max((getattr(row, "ragged_rank", 0) for row in self), default=0)

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

    def row_starts(self, name: str = "") -> Any:
        """Return the position at which each row starts."""
        return self.row_splits[:-1]

    def row_limits(self, name: str = "") -> Any:
        """Return the position at which each row ends."""
        return self.row_splits[1:]

    def value_rowids(self, name: str = "") -> Any:
        """Return the number of the row of each item."""
        return constant(np.repeat(np.arange(len(self)), [len(row) for row in self]))

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
        if self.ragged_rank > 1:
            sizes = [len(part) for row in self for part in row]
            inner = (None, *([None] * (self.ragged_rank - 2)), max(sizes, default=0))
            padded = [r.to_tensor(default_value, shape=inner) for r in self]
            return RaggedTensor(padded).to_tensor(default_value)
        rows = [np.asarray(row) for row in self]
        is_text = any(row.dtype.kind in "OSU" for row in rows)
        width = max((len(row) for row in rows), default=0)
        if shape is not None and shape[-1] is not None:
            width = int(shape[-1])
        fill = (b"" if is_text else 0) if default_value is None else default_value
        kind = object if is_text else self.dtype
        found = np.full((len(rows), width, *self.shape[2:]), fill, kind)
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


def _combined(function: Callable[..., Any], rows: RaggedTensor, other: Any) -> Any:
    """Return a function of each row and of that of another tensor."""
    if not isinstance(other, RaggedTensor):
        other = constant(other)
        if other.ndim < len(rows.shape):
            return rows.map(lambda row: function(row, other))
    others = [*other] * (len(rows) if len(other) == 1 else 1)
    return RaggedTensor([function(r, o) for r, o in zip(rows, others, strict=True)])


def _operator(name: str) -> Callable[[RaggedTensor, Any], RaggedTensor]:
    function = getattr(operator, name)
    return lambda rows, other: _combined(function, rows, other)


def _reflected(name: str) -> Callable[[RaggedTensor, Any], RaggedTensor]:
    function = getattr(operator, name)
    return lambda rows, other: _combined(lambda a, b: function(b, a), rows, other)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    setattr(RaggedTensor, f"__{_name}__", _operator(_name))
    setattr(RaggedTensor, f"__r{_name}__", _reflected(_name))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(RaggedTensor, f"__{_name}__", _operator(_name))


def map_flat_values(
    op: Callable[..., Any], rows: RaggedTensor, *args: object, **options: object
) -> RaggedTensor:
    """Return the results of a function of the innermost items."""
    return rows.map(
        lambda row: (
            map_flat_values(op, row, *args, **options)
            if isinstance(row, RaggedTensor)
            else op(row, *args, **options)
        )
    )


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
    if dtype is None:  # that of all rows, some of which may be empty
        leaves = jax.tree.leaves(list(pylist))
        types = {np.asarray(leaf).dtype for leaf in leaves}
        dtype = "string" if is_text(leaves) else np.result_type(*types or {"float32"})
    is_nested = any(isinstance(i, (list, tuple)) for row in pylist for i in row)
    make = constant_rows if is_nested else constant
    return RaggedTensor([make(row, dtype) for row in pylist])
