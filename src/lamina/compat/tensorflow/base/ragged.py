"""Rows of different lengths, as functions of text return them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from lamina.compat.tensorflow.base.tensors import TensorShape, constant, on_host
from lamina.errors import ArgumentTypeError
from lamina.typing import ArrayLike, DTypeLike, PartialShape


class RaggedTensor:
    """Rows of different lengths, to look at or to pad; functions do not take it.

    Args:
        rows: tensors, or such rows themselves.
    """

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = list(rows)

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

    def row_lengths(self) -> Any:
        """Return the number of items of each row."""
        return constant([len(row) for row in self])

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
