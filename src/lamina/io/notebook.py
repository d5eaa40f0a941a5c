"""Code cells of Jupyter notebooks, and the lines of them that are not Python."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lamina.errors import FileFormatError

_LINE = re.compile(r"(?P<indent>\s*)(?:[%!?]|[\w., ]+=\s*[%!]|[\w.]+\?{1,2}\s*$)")
# Magics that measure the Python code after them.
TIMED = re.compile(r"^([ \t]*)(%(?:time|prun)[ \t]+)(?=[^-\s])", re.MULTILINE)
# Magics of a whole cell whose other lines are Python.
_PYTHON_CELLS = ("%%time", "%%timeit", "%%capture", "%%prun")


def read_notebook(path: Path) -> dict[str, Any]:
    """Return the content of a notebook.

    Raises:
        FileFormatError: the file is not a notebook of version 4.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise FileFormatError(f"{path}: not a notebook: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("cells"), list):
        raise FileFormatError(
            f"{path}: not a notebook of format 4, which has a list of cells. "
            f"`jupyter nbconvert --to notebook {path}` writes one."
        )
    return found


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the cells that have code, in their order."""
    return [cell for cell in notebook["cells"] if cell.get("cell_type") == "code"]


def source_of(cell: dict[str, Any]) -> str:
    """Return the text of a cell, which files have as a string or as lines."""
    return "".join(cell.get("source", ""))


def skip_magics(source: str) -> tuple[str, list[tuple[int, str]]]:
    """Replace magics and shell lines by `pass`, so that lines keep their numbers.

    Returns:
        The Python code, and the number and text of each replaced line.
    """
    if is_python(source):
        return source, []
    lines = TIMED.sub(r"\1", source).split("\n")
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%") and not first.startswith(_PYTHON_CELLS):
        return "pass", [(lines.index(first) + 1, first.strip())]
    skipped: list[tuple[int, str]] = []
    kept = list(lines)
    for index in _magic_lines(lines):
        found = _LINE.match(lines[index])
        kept[index] = (found["indent"] if found else "") + "pass"
        skipped.append((index + 1, lines[index].strip()))
    return "\n".join(kept), skipped


def _magic_lines(lines: list[str]) -> Iterator[int]:
    """Return the indices of magics, and of the lines that a backslash adds to one."""
    continues = False
    for index, line in enumerate(lines):
        if continues or _LINE.match(line):
            continues = line.rstrip().endswith("\\")
            yield index


def is_python(source: str) -> bool:
    """Return whether code is valid Python."""
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True
