"""A terminal that shows what programs write to it."""

from __future__ import annotations

import io
import re
import sys

import pytest

_CODE = re.compile(r"\x1b\[([\d;?]*)([a-zA-Z])|(\r)|(\n)|([^\x1b\r\n])")


class Terminal(io.StringIO):
    """Stream with rows of text; understands the codes that a `Screen` uses.

    Attributes:
        writes: number of writes.
        styles: codes of colors that were written.
    """

    encoding = "utf-8"

    def __init__(self) -> None:
        super().__init__()
        self.writes, self.styles = 0, set[str]()
        self._rows, self._row, self._column = [""], 0, 0

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.writes += 1
        assert sum(len(m[0]) for m in _CODE.finditer(text)) == len(text), text
        for code, kind, back, end, letter in _CODE.findall(text):
            self._do(code, kind or back or end or "put", letter)
        return super().write(text)

    def _do(self, code: str, kind: str, letter: str) -> None:
        line = self._rows[self._row]
        if kind == "put":
            line = line.ljust(self._column)
            line = f"{line[: self._column]}{letter}{line[self._column + 1 :]}"
            self._rows[self._row], self._column = line, self._column + 1
        elif kind in "\r\n":
            self._column = 0
            self._row += kind == "\n"
            if self._row == len(self._rows):
                self._rows.append("")
        elif kind == "A":
            self._row -= int(code)
            assert self._row >= 0
        elif kind in "KJ":
            self._rows[self._row] = line[: self._column]
            if kind == "J":
                del self._rows[self._row + 1 :]
        else:
            assert kind == "m", kind
            self.styles.add(code)

    def rows(self) -> list[str]:
        """The rows that are shown, without spaces at their ends and empty last rows."""
        return "\n".join(row.rstrip() for row in self._rows).rstrip("\n").split("\n")


def open_terminal(patch: pytest.MonkeyPatch, columns: int = 100) -> Terminal:
    """Put a terminal in the place of the standard output, which pytest has in use."""
    terminal = Terminal()
    patch.setattr(sys, "stdout", terminal)
    for name, value in (("TERM", "xterm"), ("COLUMNS", columns), ("LINES", 24)):
        patch.setenv(name, str(value))
    patch.delenv("NO_COLOR", raising=False)
    return terminal
