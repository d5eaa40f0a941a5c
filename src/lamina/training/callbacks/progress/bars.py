"""Progress bars in terminals and notebooks, and the text beside them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import config

_BAR_WIDTH = 12
_SEPARATOR, _INDENT = " - ", "  "


def duration(seconds: float) -> str:
    """Format seconds with few digits: 0.107ms, 1.37ms, 0.4s, 3m05s."""
    if seconds >= 60:
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"
    if seconds >= 0.1:
        return f"{seconds:.1f}s"
    return _milliseconds(seconds)


def _milliseconds(seconds: float) -> str:
    value = seconds * 1e3
    return f"{value:.0f}ms" if value >= 100 else f"{value:.3g}ms"


def per_step(seconds: float, unit_name: str = "step") -> str:
    """Format the time per step, in milliseconds below a second."""
    each = duration(seconds) if seconds >= 1 else _milliseconds(seconds)
    return f"{each}/{unit_name}"


def metric_texts(logs: dict[str, Any]) -> list[str]:
    """Format each metric as `name: value`."""
    return [f"{name}: {_number(value)}" for name, value in logs.items()]


def _number(value: Any) -> str:
    if not isinstance(value, float):
        value = float(np.mean(np.asarray(value)))
    return f"{value:.4f}" if abs(value) > 1e-3 or value == 0 else f"{value:.4e}"


def in_lines(texts: Sequence[str], width: int | None, first: int = 0) -> list[str]:
    """Join texts by dashes, and wrap them at a width.

    Args:
        texts: the texts; none is split.
        width: columns of a line; `None` for one line.
        first: columns that the first line already uses.
    """
    lines: list[str] = []
    used = first
    for text in texts:
        if lines and (width is None or used + len(_SEPARATOR) + len(text) <= width):
            lines[-1] += _SEPARATOR + text
        else:
            lines.append(text if not lines else _INDENT + text)
            used = used if len(lines) == 1 else len(_INDENT)
            used -= len(_SEPARATOR)
        used += len(_SEPARATOR) + len(text)
    return lines


def terminal_width() -> int | None:
    """Return the width of the terminal, or `None` if stdout is not a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def open_bar(title: str, steps: int | None) -> TerminalBar | NotebookBar | None:
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

        self._title, self._steps = title, steps
        self._console: Any = Console()
        self._open()

    def _open(self) -> None:
        from rich.live import Live

        self._live: Any = Live(
            console=self._console, auto_refresh=False, transient=True
        )
        self._live.start()
        self.draw(0, [])

    def draw(self, done: int, texts: Sequence[str]) -> None:
        """Draw the bar and its texts."""
        self._live.update(self._view(done, texts), refresh=True)

    def _view(self, done: int, texts: Sequence[str]) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        taken = len(self._title) + _BAR_WIDTH + 2
        first, *rest = in_lines(texts, self._console.width, taken) or [""]
        bar = ProgressBar(self._steps, done, width=_BAR_WIDTH)
        row = Table.grid(padding=(0, 1))
        row.add_row(Text(self._title), bar, Text(first))
        view = Table.grid()
        view.add_row(row)
        for line in rest:
            view.add_row(Text(line))
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
        text = "\n".join(in_lines(texts, None))
        self._handle.update({"text/plain": text}, raw=True)
        return True

    def close(self) -> None:
        """Leave the bar: an error is shown below it."""
