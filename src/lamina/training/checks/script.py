"""Check of a program: run it up to each call of `fit`, without training."""

from __future__ import annotations

import contextlib
import json
import runpy
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lamina.core.scope import override
from lamina.core.tracebacks import location_of, shorten
from lamina.errors import LaminaError, MissingFileError
from lamina.training.checks.findings import Finding, Findings, error_finding

# Calls of `fit` or `train_on_batch` from one line, after which a program ends.
_MOST_CALLS = 20


class _EndOfCheck(BaseException):
    """Ends a program that calls `fit` in an endless loop; not an Exception."""


class ScriptCheck:
    """Findings of a program, printed as they are found.

    Args:
        as_json: whether to print a JSON object for each finding, and what the program
            prints on standard error.
    """

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.found: list[Finding] = []
        self.has_failed = False
        self._calls: Counter[str] = Counter()
        self._output = sys.stdout

    def run(self, path: Path, arguments: Sequence[str] = ()) -> Findings:
        """Run a program and return the findings.

        An error that lamina raises is a finding; others are printed, as Python would.

        Args:
            path: the program.
            arguments: its command line arguments.

        Raises:
            MissingFileError: there is no such file.
        """
        scope = override(on_findings=self._add)
        ended = contextlib.suppress(_EndOfCheck, SystemExit)
        with self._redirected(), scope, ended:
            self.has_failed = run_script(path, arguments, self._add_error) != 0
        return Findings(self.found)

    @property
    def calls(self) -> int:
        """Number of calls of `fit` and `train_on_batch` that were checked."""
        return self._calls.total()

    def _add(self, found: Findings, where: str) -> None:
        for finding in found:
            self._print(finding)
        self._calls[where] += 1
        if self._calls[where] >= _MOST_CALLS:
            raise _EndOfCheck

    def _add_error(self, error: BaseException) -> int:
        if not isinstance(error, LaminaError):
            return print_error(error)
        self._print(error_finding(error, location_of(error)))
        return 1

    def _print(self, finding: Finding) -> None:
        if any(f.message == finding.message for f in self.found):
            return
        self.found.append(finding)
        text = json.dumps(finding._asdict()) if self.as_json else f"{finding.block()}\n"
        print(text, file=self._output, flush=True)

    def _redirected(self) -> contextlib.AbstractContextManager[object]:
        """Return a block in which a program's output does not mix with JSON lines."""
        if self.as_json:
            return contextlib.redirect_stdout(sys.stderr)
        return contextlib.nullcontext()


def print_error(error: BaseException) -> int:
    """Print an error with the frames of the program only, as Python would.

    Returns:
        The exit status of the program.
    """
    shorten(error)
    # A file that cannot be compiled has no frames.
    entries = error.__traceback__ if location_of(error) else None
    sys.excepthook(type(error), error.with_traceback(entries), entries)
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def run_script(
    path: Path,
    arguments: Sequence[str] = (),
    on_error: Callable[[BaseException], int] = print_error,
) -> int:
    """Run a program as `python PATH` would, in this process.

    Args:
        path: the program.
        arguments: its command line arguments.
        on_error: called with an error that the program raises; returns the status.

    Returns:
        The exit status.

    Raises:
        MissingFileError: there is no such file.
        SystemExit: the program called `sys.exit`.
    """
    if not path.is_file():
        raise MissingFileError(f"There is no program {str(path)!r}.")
    with _command_line(path, arguments):
        try:
            runpy.run_path(str(path), run_name="__main__")
        except (Exception, KeyboardInterrupt) as error:
            return on_error(error)
    return 0


@contextlib.contextmanager
def _command_line(path: Path, arguments: Sequence[str]) -> Iterator[None]:
    before = sys.argv, list(sys.path)
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.resolve().parent))
    try:
        yield
    finally:
        sys.argv, sys.path[:] = before
