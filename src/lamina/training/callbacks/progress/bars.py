"""Progress bars in terminals and notebooks, and the text beside them."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import config
from lamina.typing import ArrayLike, Logs

if TYPE_CHECKING:
    from rich.table import Table

_BAR_WIDTH = 12


def duration(seconds: float) -> str:
    """Format seconds with few digits: 0.107ms, 1.37ms, 0.4s, 3m05s."""
    if seconds >= 60:
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"
    return f"{seconds:.1f}s" if seconds >= 0.1 else _milliseconds(seconds)


def _milliseconds(seconds: float) -> str:
    value = seconds * 1e3
    return f"{value:.0f}ms" if value >= 100 else f"{value:.3g}ms"


def per_step(seconds: float, unit_name: str = "step") -> str:
    """Format the time per step, in milliseconds below a second."""
    each = duration(seconds) if seconds >= 1 else _milliseconds(seconds)
    return f"{each}/{unit_name}"


def metric_texts(logs: Logs) -> list[str]:
    """Format each metric as `name: value`."""
    return [f"{name}: {_number(value)}" for name, value in logs.items()]


def _number(value: ArrayLike) -> str:
    value = float(np.mean(np.asarray(value)))
    return f"{value:.4f}" if abs(value) > 1e-3 or value == 0 else f"{value:.4e}"


def in_lines(texts: Sequence[str], width: int | None, first: int = 0) -> list[str]:
    """Join texts by dashes, and wrap them at a width.

    Args:
        texts: the texts; none is split.
        width: columns of a line; `None` for one line.
        first: columns that the first line already uses.
    """
    lines = list(texts[:1])
    for text in texts[1:]:
        line = f"{lines[-1]} - {text}"
        used = first if len(lines) == 1 else 0
        if width is None or used + len(line) <= width:
            lines[-1] = line
        else:
            lines.append(f"  {text}")
    return lines


def open_bar(title: str, steps: int | None) -> TerminalBar | None:
    """Open a progress bar, or return `None` if the output cannot show one.

    Args:
        title: text before the bar.
        steps: total number of steps; `None` if it is unknown.
    """
    if not config.is_interactive_logging_enabled():
        return None
    ipython = sys.modules.get("IPython")
    if ipython is not None and hasattr(ipython.get_ipython(), "kernel"):
        return NotebookBar(title, steps)
    return TerminalBar(title, steps) if sys.stdout.isatty() else None


class TerminalBar:
    """Progress bar in a terminal, below printed lines; it is erased at the end."""

    def __init__(self, title: str, steps: int | None) -> None:
        from rich.console import Console

        self._title, self._steps, self._console = title, steps, Console()
        self._open()

    def _open(self) -> None:
        from rich.live import Live

        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._live.start()
        self.draw(0, [])

    def draw(self, done: int, texts: Sequence[str]) -> None:
        """Draw the bar and its texts."""
        self._live.update(self._view(done, texts), refresh=True)

    def _view(self, done: int, texts: Sequence[str]) -> Table:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        taken = len(self._title) + _BAR_WIDTH + 2
        first, *rest = in_lines(texts, self._console.width, taken) or [""]
        bar = ProgressBar(self._steps, done, width=_BAR_WIDTH)
        row = Table.grid(padding=(0, 1))
        row.add_row(Text(self._title), bar, Text(first))
        view = Table.grid()
        for part in (row, *map(Text, rest)):
            view.add_row(part)
        return view

    def finish(self, texts: Sequence[str]) -> bool:
        """Remove the bar; return whether it shows the final line itself."""
        self.close()
        return False

    def close(self) -> None:
        """Remove the bar."""
        self._live.stop()


class NotebookBar(TerminalBar):
    """Progress bar in a notebook, which the final line replaces."""

    def _open(self) -> None:
        from IPython.display import display  # pyright: ignore[reportMissingImports]

        self._handle: Any = display(self._view(0, []), display_id=True)

    def draw(self, done: int, texts: Sequence[str]) -> None:
        """Draw the bar and its texts."""
        self._handle.update(self._view(done, texts))

    def finish(self, texts: Sequence[str]) -> bool:
        """Replace the bar by the final line; return that it is shown."""
        self._handle.update({"text/plain": " - ".join(texts)}, raw=True)
        return True

    def close(self) -> None:
        """Leave the bar: an error is shown below it."""


class ProgressLine:
    """Line of output that a bar precedes, if the output can show one.

    Args:
        title: text before the bar.
        steps: total number of steps; `None` if it is unknown.
        verbose: 0 for no output, 1 for a bar and a line, 2 for a line.
        interval: seconds between updates of the bar.
    """

    def __init__(
        self, title: str, steps: int | None, verbose: int, interval: float
    ) -> None:
        self.title, self.steps = title, steps
        self._verbose, self._interval = verbose, interval
        self.began = self.drawn = time.perf_counter()
        self._bar: TerminalBar | None = None
        self.is_open = False

    def is_due(self) -> bool:
        """Return whether the bar should be drawn again."""
        now = time.perf_counter()
        can_draw = self._verbose == 1 and not (self.is_open and self._bar is None)
        if not can_draw or now - self.drawn < self._interval:
            return False
        self.drawn = now
        return True

    def draw(self, done: int, texts: Sequence[str]) -> None:
        """Draw the bar and its texts."""
        if self._verbose == 1 and not self.is_open:
            self._bar, self.is_open = open_bar(self.title, self.steps), True
        if self._bar is not None:
            self._bar.draw(done, texts)

    def finish(self, texts: Sequence[str]) -> None:
        """Replace the bar by a line, or by several in a narrow terminal."""
        bar, self._bar = self._bar, None
        if not self._verbose or (bar is not None and bar.finish(texts)):
            return
        wraps = config.is_interactive_logging_enabled() and sys.stdout.isatty()
        width = shutil.get_terminal_size().columns if wraps else None
        write_line("\n".join(in_lines(texts, width)))

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def write_line(text: str) -> None:
    """Print a line, or log it if interactive logging is off."""
    if config.is_interactive_logging_enabled():
        sys.stdout.write(f"{text}\n")
    else:
        logging.getLogger("lamina").info(text)
