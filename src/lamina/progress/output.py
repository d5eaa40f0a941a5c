"""Outputs of progress: nothing, plain lines, a terminal, a notebook."""

from __future__ import annotations

import logging
import math
import sys
import time
from typing import Any

from lamina import config
from lamina.progress.lines import EpochTable, finished_lines, moving_lines
from lamina.progress.notebook import html_of
from lamina.progress.screen import Screen, is_terminal, write
from lamina.progress.snapshot import Snapshot, plain_line

# Seconds between two times that lines are flushed, or that a notebook is updated.
_FLUSH_SECONDS, _NOTEBOOK_SECONDS = 0.1, 0.25

# Rows of a notebook's output as text, for readers that show no HTML.
_TEXT_ROWS = 20


def write_line(text: str) -> None:
    """Print a line, or log it if interactive logging is off."""
    if config.is_interactive_logging_enabled():
        write(sys.stdout, f"{text}\n")
    else:
        logging.getLogger("lamina").info(text)


class Output:
    """Output that shows nothing; base of the others.

    Args:
        interval: seconds between two times that a loop is drawn.
    """

    def __init__(self, interval: float = math.inf) -> None:
        self._interval = interval
        self._drawn = time.perf_counter()

    def is_due(self) -> bool:
        """Return whether the loop should be drawn again."""
        return time.perf_counter() - self._drawn >= self._interval

    def begin(self, title: str) -> None:
        """Begin a loop."""

    def draw(self, snapshot: Snapshot) -> None:
        """Draw a loop that runs."""
        self._drawn = time.perf_counter()

    def finish(self, snapshot: Snapshot) -> None:
        """Show a finished loop."""

    def close(self) -> None:
        """Remove the lines that are redrawn; the output may be used again."""


class PlainOutput(Output):
    """Lines in the form of Keras, for files, pipes and logs.

    Args:
        has_bar: whether lines have the bar of `verbose=1`.
    """

    def __init__(self, has_bar: bool) -> None:
        super().__init__()
        self._has_bar, self._flushed = has_bar, 0.0

    def begin(self, title: str) -> None:
        """Print the title."""
        write_line(title)
        self._flush()

    def finish(self, snapshot: Snapshot) -> None:
        """Print the line of a finished loop."""
        write_line(plain_line(snapshot, self._has_bar))
        self._flush()

    def _flush(self) -> None:
        now = time.perf_counter()
        if now - self._flushed >= _FLUSH_SECONDS:
            self.close()
            self._flushed = now

    def close(self) -> None:
        """Flush the lines."""
        sys.stdout.flush()


class TerminalOutput(Output):
    """Two or three lines that are redrawn, and a row for each finished epoch.

    Args:
        name: text before the title while several loops run in threads.
        interval: seconds between two times that a loop is drawn.
    """

    def __init__(self, name: str, interval: float) -> None:
        super().__init__(interval)
        self._name, self._table = name, EpochTable()
        self._screen = Screen.current()
        self._has_block = self._is_named = False

    def draw(self, snapshot: Snapshot) -> None:
        """Draw a loop that runs."""
        super().draw(snapshot)
        lines = moving_lines(self._named(snapshot), self._screen.width)
        self._screen.draw(self, lines)
        self._has_block = True

    def finish(self, snapshot: Snapshot) -> None:
        """Print the row of an epoch, or the line of another loop."""
        named = self._named(snapshot)
        has_row = snapshot.is_epoch and not self._is_named
        lines_of = self._table.lines if has_row else finished_lines
        self._screen.add(lines_of(named, self._screen.width))
        if self._has_block and self.is_due():
            self.draw(snapshot)

    def close(self) -> None:
        """Remove the lines that are redrawn."""
        self._screen.remove(self)
        self._has_block = False

    def _named(self, snapshot: Snapshot) -> Snapshot:
        self._is_named |= self._screen.is_shared
        if not self._is_named:
            return snapshot
        return snapshot._replace(title=f"{self._name} {snapshot.title}".lstrip())


class NotebookOutput(Output):
    """Output of a notebook's cell that is updated: a bar and a table of epochs."""

    def __init__(self, interval: float) -> None:
        super().__init__(interval)
        self._handle: Any = None
        self._rows: list[Snapshot] = []
        self._last: Snapshot | None = None

    def draw(self, snapshot: Snapshot) -> None:
        """Draw a loop that runs."""
        super().draw(snapshot)
        self._last = snapshot
        self._show()

    def finish(self, snapshot: Snapshot) -> None:
        """Add a row; a loop that was never drawn is a line."""
        if self._handle is None:
            line = finished_lines(snapshot, sys.maxsize)[0]
            write_line(line.plain)
            return
        self._rows.append(snapshot)
        if self.is_due():
            self.draw(snapshot)

    def close(self) -> None:
        """Show all rows and remove the bar."""
        if self._handle is not None:
            self._last = None
            self._show()
            self._handle, self._rows = None, []

    def _show(self) -> None:
        from IPython.display import display  # pyright: ignore[reportMissingImports]

        text = "\n".join(
            f"{row.title} - {plain_line(row, has_bar=False)}"
            for row in self._rows[-_TEXT_ROWS:]
        )
        data = {"text/html": html_of(self._rows, self._last), "text/plain": text}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)


def _is_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def open_output(verbose: int, name: str = "", interval: float = 0.1) -> Output:
    """Return the output for progress.

    Args:
        verbose: 0 for none, 1 for one that moves if it can, 2 for plain lines.
        name: name of the loop, for several at once.
        interval: seconds between two times that a loop is drawn.
    """
    if verbose == 0:
        return Output()
    if verbose == 1 and config.is_interactive_logging_enabled():
        if _is_notebook():
            return NotebookOutput(max(interval, _NOTEBOOK_SECONDS))
        if is_terminal(sys.stdout):
            return TerminalOutput(name, interval)
    return PlainOutput(has_bar=verbose == 1)
