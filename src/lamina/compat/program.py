"""Run of one old program, as by `lamina run`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from lamina.compat import install, notices
from lamina.compat.defaults import Release, defaults_of
from lamina.training.checks.program import run_script


def run_program(
    script: Path,
    arguments: Sequence[str] = (),
    quiet: bool = False,
    is_module: bool = False,
    release: Release | None = None,
) -> int:
    """Run a program as Python would, with lamina as its Keras and TensorFlow.

    They stay so afterwards, for functions that the program registers with `atexit`.

    Args:
        script: path of a script or a notebook, or the name of a module.
        arguments: its command line arguments.
        quiet: whether not to tell about old spellings.
        is_module: whether `script` is the name of a module.
        release: the release of Keras whose defaults apply; by default that of the
            program's spellings.

    Returns:
        The exit status: 1 if the program raised an error, which is printed.

    Raises:
        MissingFileError: there is no such file or module.
        FileFormatError: the notebook cannot be read.
        SystemExit: the program ended so.
    """
    install()
    before, notices.is_quiet = notices.is_quiet, quiet
    try:
        with defaults_of(script, release):
            return run_script(script, arguments, is_module=is_module)
    finally:
        text = notices.summary()
        if text and not quiet:
            print(text, file=sys.stderr)
        notices.forget()
        notices.is_quiet = before
