"""Report of loaded and mismatched variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lamina.errors import FileFormatError

_MAX_ROWS = 20


class Tolerance(NamedTuple):
    """Mismatches that a caller allows.

    Args:
        skip_mismatch: whether to skip variables that do not match.
        strict: whether a variable that only one side has is an error.
    """

    skip_mismatch: bool
    strict: bool


class Mismatch(NamedTuple):
    """Shape and dtype of a variable in the model and in the file."""

    path: str
    in_model: tuple[int, ...] | None
    in_file: tuple[int, ...] | None
    model_type: str | None = None
    file_type: str | None = None

    @property
    def kind(self) -> str:
        """Kind of the mismatch; an empty string if model and file agree."""
        if self.in_file is None:
            return "missing in the file"
        if self.in_model is None:
            return "unexpected"
        if self.in_model != self.in_file:
            return "wrong shape"
        return "" if self._can_hold() else "wrong type"

    def _can_hold(self) -> bool:
        """Return whether the model's dtype can hold the file's values.

        An integer variable cannot hold floating-point values.
        """
        integers = ("int", "uint", "bool")
        model_type, file_type = self.model_type or "", self.file_type or ""
        return not model_type.startswith(integers) or file_type.startswith(integers)

    def table_row(self) -> tuple[str, str, str, str]:
        """Format the mismatch as the row of a table."""
        with_dtype = self.kind == "wrong type"
        sides = (self.in_model, self.model_type), (self.in_file, self.file_type)
        texts = [
            "-" if shape is None else f"{shape} {dtype}" if with_dtype else str(shape)
            for shape, dtype in sides
        ]
        path = self.path if len(self.path) <= 200 else f"...{self.path[-197:]}"
        return (path, texts[0], texts[1], self.kind)


class LoadReport:
    """Result of loading weights: loaded variables and mismatches.

    Args:
        loaded: paths of the variables that received values from the file.
        mismatches: variables on which model and file disagree.
        hint: text that an error shows below the table of mismatches.

    Example:
        >>> LoadReport(["dense/kernel"], [Mismatch("dense/bias", (3,), (4,))])
        1 variable loaded, 1 not:
          variable    model  file  what
          dense/bias  (3,)   (4,)  wrong shape
    """

    def __init__(
        self, loaded: list[str], mismatches: list[Mismatch], hint: str = ""
    ) -> None:
        self.loaded, self.mismatches, self.hint = loaded, mismatches, hint

    def add(self, item: Mismatch) -> bool:
        """Add the comparison of a variable; return whether model and file agree."""
        if item.kind:
            self.mismatches.append(item)
        else:
            self.loaded.append(item.path)
        return not item.kind

    @property
    def missing(self) -> list[str]:
        """Paths of model variables that are not in the file."""
        return [m.path for m in self.mismatches if m.in_file is None]

    @property
    def unexpected(self) -> list[str]:
        """Paths of file variables that are not in the model."""
        return [m.path for m in self.mismatches if m.in_model is None]

    @property
    def wrong_shape(self) -> list[str]:
        """Paths of variables whose shapes differ."""
        return [m.path for m in self.mismatches if m.kind == "wrong shape"]

    @property
    def wrong_type(self) -> list[str]:
        """Paths of integer variables for which the file has floats."""
        return [m.path for m in self.mismatches if m.kind == "wrong type"]

    def require(self, skip_mismatch: bool, strict: bool) -> None:
        """Raise an error for mismatches that the caller does not allow.

        Raises:
            FileFormatError: there are such mismatches; the message shows a table.
        """
        wrong = self.wrong_shape or self.wrong_type
        if skip_mismatch or not (wrong or strict and self.mismatches):
            return
        raise FileFormatError(
            "The file's weights do not match the model's. To load only the matching "
            "ones, pass skip_mismatch=True; to allow variables that only one side "
            f"has, pass strict=False.\n{self._table()}{self.hint}"
        )

    def _table(self) -> str:
        rows = [("variable", "model", "file", "what")]
        rows += [m.table_row() for m in self.mismatches[:_MAX_ROWS]]
        lines = format_table(rows)
        rest = len(self.mismatches) - _MAX_ROWS
        lines += [f"and {rest} more"] if rest > 0 else []
        return "\n".join(f"  {line}" for line in lines)

    def __repr__(self) -> str:
        count = len(self.loaded)
        text = f"{count} variable{'' if count == 1 else 's'} loaded"
        if not self.mismatches:
            return f"{text}, all that model and file have"
        return f"{text}, {len(self.mismatches)} not:\n{self._table()}"


def format_table(
    rows: Sequence[Sequence[str]], sides: Sequence[str] | None = None
) -> list[str]:
    """Format rows of equal length as lines.

    Args:
        rows: text of the cells.
        sides: alignment of each column, "left" or "right"; by default all are left.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    signs = ["<>"[side == "right"] for side in sides or ["left"] * len(widths)]
    padded = [
        [f"{t:{s}{w}}" for t, s, w in zip(row, signs, widths, strict=True)]
        for row in rows
    ]
    return ["  ".join(cells).rstrip() for cells in padded]
