"""Run of one old program, as by `lamina run`."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from lamina.compat import installed, notices
from lamina.errors import MissingFileError
from lamina.training.checks.script import command_line


def run_program(path: Path, arguments: Sequence[str] = (), quiet: bool = False) -> int:
    """Run a program as Python would, with lamina as its Keras and TensorFlow.

    Args:
        path: the program.
        arguments: its command line arguments.
        quiet: whether not to tell about old spellings.

    Returns:
        The exit status: 1 if the program raised an error, which is printed.

    Raises:
        MissingFileError: there is no such file.
        SystemExit: the program ended so.
    """
    if not path.is_file():
        raise MissingFileError(f"There is no program {str(path)!r}.")
    with command_line(path, arguments), installed(quiet):
        try:
            runpy.run_path(str(path), run_name="__main__")
        except Exception as error:
            entry = _own_entries(error.__traceback__, str(path))
            sys.excepthook(type(error), error.with_traceback(entry), entry)
            return 1
        finally:
            text = notices.summary()
            if text and not quiet:
                print(text, file=sys.stderr)
    return 0


def _own_entries(entry: TracebackType | None, path: str) -> TracebackType | None:
    """Return the entries of a traceback from the program's first one."""
    found = entry
    while found is not None and found.tb_frame.f_code.co_filename != path:
        found = found.tb_next
    return found or entry
