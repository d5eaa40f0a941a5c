"""What loading weights did, as a table."""

from __future__ import annotations

from typing import NamedTuple

from lamina.errors import FileFormatError

__all__ = ["LoadReport", "Mismatch"]

_MOST_LINES = 20


class Mismatch(NamedTuple):
    """A variable of model and file, and the shape and type that it has in each."""

    path: str
    in_model: tuple[int, ...] | None
    in_file: tuple[int, ...] | None
    model_type: str | None = None
    file_type: str | None = None

    @property
    def kind(self) -> str:
        """What is the matter with it; an empty text if nothing is."""
        if self.in_file is None:
            return "missing in the file"
        if self.in_model is None:
            return "unexpected"
        if self.in_model != self.in_file:
            return "wrong shape"
        return "" if self._holds() else "wrong type"

    def _holds(self) -> bool:
        """Whether the model's type can hold the file's: a whole number no fraction."""
        whole = ("int", "uint", "bool")
        types = self.model_type or "", self.file_type or ""
        return not types[0].startswith(whole) or types[1].startswith(whole)

    def shown(self) -> tuple[str, str, str, str]:
        """The line of a table."""
        typed = self.kind == "wrong type"
        sides = (self.in_model, self.model_type), (self.in_file, self.file_type)
        texts = [
            "-" if shape is None else f"{shape} {dtype}" if typed else str(shape)
            for shape, dtype in sides
        ]
        path = self.path if len(self.path) <= 200 else f"...{self.path[-197:]}"
        return (path, texts[0], texts[1], self.kind)


class LoadReport:
    """What was loaded, and what was not.

    Args:
        loaded: paths of the variables that have the file's values now.
        mismatches: the variables that model and file do not agree on.
        hint: what an error says below their table.

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

    @property
    def missing(self) -> list[str]:
        """Paths of variables that the file has nothing for."""
        return [m.path for m in self.mismatches if m.in_file is None]

    @property
    def unexpected(self) -> list[str]:
        """Paths of variables in the file that the model has no place for."""
        return [m.path for m in self.mismatches if m.in_model is None]

    @property
    def wrong_shape(self) -> list[str]:
        """Paths of variables that have another shape in the file."""
        return [m.path for m in self.mismatches if m.kind == "wrong shape"]

    @property
    def wrong_type(self) -> list[str]:
        """Paths of whole numbers for which the file has fractions."""
        return [m.path for m in self.mismatches if m.kind == "wrong type"]

    def require(self, skip_mismatch: bool, strict: bool) -> None:
        """Refuse a mismatch that the caller has not allowed.

        Raises:
            FileFormatError: there is one; the message has the table.
        """
        wrong = self.wrong_shape or self.wrong_type
        if skip_mismatch or not (wrong or strict and self.mismatches):
            return
        raise FileFormatError(
            "The file's weights are not those of this model. If you mean to load only "
            "those that fit, pass skip_mismatch=True; strict=False allows variables "
            f"that only one side has.\n{self._table()}{self.hint}"
        )

    def _table(self) -> str:
        rows = [("variable", "model", "file", "what")]
        rows += [m.shown() for m in self.mismatches[:_MOST_LINES]]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = [
            "  " + "  ".join(t.ljust(w) for t, w in zip(row, widths, strict=True))
            for row in rows
        ]
        rest = len(self.mismatches) - _MOST_LINES
        lines += [f"  and {rest} more"] if rest > 0 else []
        return "\n".join(line.rstrip() for line in lines)

    def __repr__(self) -> str:
        count = len(self.loaded)
        text = f"{count} variable{'' if count == 1 else 's'} loaded"
        if not self.mismatches:
            return f"{text}, all that model and file have"
        return f"{text}, {len(self.mismatches)} not:\n{self._table()}"
