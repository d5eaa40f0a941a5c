"""The command `lamina upgrade`."""

from __future__ import annotations

import difflib
import io
import sys
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from lamina.compat.upgrade.notebooks import upgrade_notebook
from lamina.compat.upgrade.program import Upgraded, upgrade_text
from lamina.errors import ArgumentError, MissingFileError
from lamina.io.files import atomic_write
from lamina.progress.screen import write

_STYLES = {"---": "bold", "+++": "bold", "@@": "cyan", "+": "green", "-": "red"}
_NO_NEWLINE = "\\ No newline at end of file\n"


class _File(NamedTuple):
    content: bytes
    before: str
    after: Upgraded


def upgrade_files(paths: Sequence[Path], in_place: bool, root: str) -> None:
    """Rewrite programs and notebooks, or show the changes.

    Args:
        paths: the files.
        in_place: whether to write the files.
        root: the library that they use then, `keras` or `lamina`.

    Raises:
        MissingFileError: there is no such file.
        ArgumentError: a file is not a program in Python 3.
        FileFormatError: a notebook cannot be read.
    """
    for path in paths:
        if not path.is_file():
            raise MissingFileError(f"No such file: {str(path)!r}.")
    upgraded = {path: _upgraded(path, root) for path in paths}
    if not in_place:
        for path, file in upgraded.items():
            _show(_diff(path, file))
    for path, file in upgraded.items():
        if in_place:
            _write(path, file)
        _report(path, file.after, in_place)


def _upgraded(path: Path, root: str) -> _File:
    if path.suffix == ".ipynb":
        found = upgrade_notebook(path, root)
        return _File(found.text.encode(), found.before, found.after)
    content = path.read_bytes()
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        before = content.decode(encoding)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ArgumentError(f"{path}: {error}") from None
    try:
        after = upgrade_text(before, root, str(path))
    except RecursionError:
        text = f"{path}: an expression has too many nested parts to be rewritten."
        raise ArgumentError(text) from None
    return _File(after.text.encode(encoding), before, after)


def _write(path: Path, file: _File) -> None:
    if file.before != file.after.text:
        with atomic_write(path, len(file.content)) as opened:
            opened.write(file.content)


def _diff(path: Path, file: _File) -> Iterator[str]:
    """Return the lines of a diff that `patch` accepts."""
    # Python ends lines at line breaks only, `splitlines` at form feeds too.
    before, after = (
        list(io.StringIO(text, newline="\n")) for text in (file.before, file.after.text)
    )
    for line in difflib.unified_diff(before, after, str(path), str(path)):
        yield line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}"


def _show(lines: Iterable[str]) -> None:
    """Print lines of a diff: in color on a terminal, else without any change."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        for line in lines:
            write(sys.stdout, line)
        return
    for line in lines:
        style = next((s for start, s in _STYLES.items() if line.startswith(start)), "")
        console.print(Text(line.rstrip("\r\n"), style))


def _report(path: Path, after: Upgraded, in_place: bool) -> None:
    """Print the number of changes, and each place that has no translation."""
    count = len(after.notes)
    changes = f"{after.changes} change{'' if after.changes == 1 else 's'}"
    written = "" if in_place or not after.changes else "; --in-place writes them"
    places = f", {count} place{'' if count == 1 else 's'} to edit by hand:"
    print(f"{path}: {changes}{written}{places if count else ''}", file=sys.stderr)
    for line, note in after.notes:
        print(f"  line {line}: {note}", file=sys.stderr)
