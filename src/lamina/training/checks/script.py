"""Check of a program: run it up to each call of `fit`, without training."""

from __future__ import annotations

import contextlib
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lamina import config
from lamina.core.scope import override
from lamina.errors import LaminaError, MissingFileError
from lamina.tracebacks import location_of
from lamina.training.checks.findings import Finding, Findings, error_finding
from lamina.training.checks.program import print_error, run_script

# Calls of `fit` or `train_on_batch` from one line, after which a program ends.
_MOST_CALLS = 20


# For programs of Keras 1 with Theano, which run with that order of axes.
_CHANNELS_FIRST = Finding(
    "channels-first",
    "advice",
    "The images of the program have their channels first, and the program does not set "
    "that order. Today's layers expect the channels last.",
    "Pass x.transpose(0, 2, 3, 1), or call "
    "keras.config.set_image_data_format('channels_first') before.",
)


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
        self._data_format = config.image_data_format()

    def run(
        self, script: Path, arguments: Sequence[str] = (), is_module: bool = False
    ) -> Findings:
        """Run a program and return the findings.

        An error that lamina raises is a finding; others are printed, as Python would.

        Args:
            script: path of a script or a notebook, or the name of a module.
            arguments: its command line arguments.
            is_module: whether `script` is the name of a module.

        Raises:
            MissingFileError: there is no such file or module.
            FileFormatError: the notebook cannot be read.
        """
        scope = override(on_findings=self._add)
        ended = contextlib.suppress(_EndOfCheck, SystemExit)
        with self._redirected(), scope, ended:
            if config.image_data_format() != self._data_format:
                self._print(_CHANNELS_FIRST._replace(where=f"{script}:1"))
            status = run_script(script, arguments, self._add_error, is_module)
            self.has_failed = status != 0
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
        if isinstance(error, MissingFileError) and self._calls:
            # Callbacks of the `fit` that did not train would have written it.
            print(f"The check ends here. {error}", file=sys.stderr)
            return 0
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
