"""Rewriting of the code cells of a notebook, as one program."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from lamina.compat.upgrade.program import Upgraded, upgrade_text
from lamina.compat.upgrade.tree.cleaning import CELL
from lamina.io.notebook import (
    TIMED,
    code_cells,
    is_python,
    read_notebook,
    skip_magics,
    source_of,
)

_HIDDEN = "# lamina magic: "
_TIMED = "# lamina timed: "


class Notebook(NamedTuple):
    """A notebook before and after.

    Args:
        text: the new file.
        before: the code of all cells.
        after: the new code of all cells.
    """

    text: str
    before: str
    after: Upgraded


def upgrade_notebook(path: Path, root: str) -> Notebook:
    """Return a notebook with today's spellings; magics and outputs stay.

    Args:
        path: the file.
        root: the library that it uses then, `keras` or `lamina`.

    Raises:
        FileFormatError: the file is not a notebook of version 4.
    """
    content = read_notebook(path)
    cells = code_cells(content)
    before = "".join(
        f"{CELL}{number}\n{_hidden(source_of(cell))}\n"
        for number, cell in enumerate(cells, 1)
    )
    after = upgrade_text(before, root, str(path))
    parts = re.split(rf"^{CELL}\d+\n", after.text, flags=re.MULTILINE)
    for cell, part in zip(cells, parts[1:], strict=True):
        source = _shown(part).removesuffix("\n")
        if source != source_of(cell):
            is_text = isinstance(cell["source"], str)
            cell["source"] = source if is_text else source.splitlines(keepends=True)
    text = _in_layout_of(path.read_bytes().decode(), content)
    return Notebook(text, _shown(before), after._replace(text=_shown(after.text)))


def _in_layout_of(text: str, content: dict[str, Any]) -> str:
    """Return the content as JSON with the spaces and line breaks of a text."""
    indent = re.search(r"^\s*{\r?\n([ \t]*)", text)
    spaced = (",", ": ") if indent else (", ", ": ")
    is_compact = re.match(r'\s*{\s*"\w+":\S', text)
    new = json.dumps(
        content,
        ensure_ascii=text.isascii(),
        indent=indent and indent[1],
        separators=(",", ":") if is_compact else spaced,
    )
    end = text[len(text.rstrip()) :]
    return (new.replace("\n", "\r\n") if "\r\n" in text else new) + end


def _hidden(source: str) -> str:
    """Return the code of a cell with what is not Python as comments."""
    if not is_python(source):
        source = TIMED.sub(rf"\1{_TIMED}\2\n\1", source)
    code, skipped = skip_magics(source)
    lines = source.split("\n")
    if not is_python(code) or code == "pass":
        return "\n".join(_HIDDEN + line for line in lines)
    for number, _ in skipped:
        line = lines[number - 1]
        indent = line[: len(line) - len(line.lstrip())]
        lines[number - 1] = f"{indent}pass  {_HIDDEN}{line}"
    return "\n".join(lines)


def _shown(code: str) -> str:
    """Return the code with its magics."""
    code = re.sub(rf"^([ \t]*){_TIMED}(.*)\n[ \t]*", r"\1\2", code, flags=re.MULTILINE)
    code = re.sub(rf"^{CELL}", "# cell ", code, flags=re.MULTILINE)
    return re.sub(rf"^.*?{_HIDDEN}", "", code, flags=re.MULTILINE)
