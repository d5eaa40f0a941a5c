"""Run of one old program, as by `lamina run`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from lamina.compat import installed, notices
from lamina.training.checks.script import run_script


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
    with installed(quiet):
        try:
            return run_script(path, arguments)
        finally:
            text = notices.summary()
            notices.forget()
            if text and not quiet:
                print(text, file=sys.stderr)
