"""The lines at the bottom of a terminal that are redrawn below printed text."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Sequence
from typing import Any, TextIO

from lamina.progress.text import Styled

_CLEAR_LINE, _CLEAR_BELOW = "\x1b[K", "\x1b[J"
_ASCII = str.maketrans("━─↑↓…▁▂▃▄▅▆▇█", "=-+-~__--==##")
# Of all screens: one thread at a time changes what `sys.stdout` is.
_lock = threading.RLock()
_screens: list[Screen] = []  # the last one


def write(stream: TextIO, text: str) -> None:
    """Write a text, with ASCII instead of characters that the stream cannot encode."""
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        known = text.translate(_ASCII).encode(encoding, "replace")
        stream.write(known.decode(encoding))


def has_colors() -> bool:
    """Return whether terminals get colors; NO_COLOR turns them off."""
    return not os.environ.get("NO_COLOR")


def is_terminal(stream: TextIO) -> bool:
    """Return whether lines of a stream can be redrawn."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class Screen:
    """Blocks of lines at the bottom of a terminal, one for each owner.

    The cursor rests at the beginning of the first line. What other programs print there
    overwrites a line of the block, which is drawn again, and is not lost. While there
    is a block, text for `sys.stdout` and `sys.stderr` is printed above it. Each change
    is one write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._blocks: dict[object, Sequence[Styled]] = {}
        self._above = ""
        self._process = os.getpid()

    @staticmethod
    def current() -> Screen:
        """Return the screen that is in use, or a new one."""
        with _lock:
            out = sys.stdout
            if isinstance(out, _Above):
                return out.screen
            if not (_screens and _screens[0]._stream is out):
                _screens[:] = [Screen(out)]
            return _screens[0]

    @property
    def width(self) -> int:
        """Columns that may be used: a full line would make the terminal wrap."""
        return shutil.get_terminal_size().columns - 1

    @property
    def is_shared(self) -> bool:
        """True if there are blocks of several owners."""
        return len(self._blocks) > 1

    def draw(self, owner: object, lines: Sequence[Styled]) -> None:
        """Draw a block in place of the owner's last one."""
        with _lock:
            if not self._blocks:
                self._redirect()
            self._blocks[owner] = lines
            self._write()

    def add(self, lines: Sequence[Styled]) -> None:
        """Add lines above the blocks, which are written with the next change."""
        with _lock:
            self._above += "".join(f"{self._text(line)}\n" for line in lines)

    def print(self, text: str) -> None:
        """Print lines above the blocks."""
        with _lock:
            self._above += text
            self._write()

    def remove(self, owner: object) -> None:
        """Remove a block."""
        with _lock:
            is_known = self._blocks.pop(owner, None) is not None
            if is_known and not self._blocks:
                self._above = f"\r{_CLEAR_BELOW}{self._above}"
            if is_known or self._above:
                self._write()
            if is_known and not self._blocks:
                self._restore()
            self._stream.flush()

    def has_blocks(self) -> bool:
        """Return whether this process shows progress, so that text goes above it."""
        return bool(self._blocks) and os.getpid() == self._process

    def _text(self, line: Styled) -> str:
        return line.colored if has_colors() else line.plain

    def _write(self) -> None:
        most = max(shutil.get_terminal_size().lines - 1, 1)
        lines = [line for block in self._blocks.values() for line in block][:most]
        above, self._above = self._above, ""
        if not lines:
            write(self._stream, above)
            return
        top = f"\r{_CLEAR_BELOW}{above}" if above else "\r"
        block = "\n".join(f"{self._text(line)}{_CLEAR_LINE}" for line in lines)
        up = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
        write(self._stream, f"{top}{block}{_CLEAR_BELOW}{up}\r")
        self._stream.flush()

    def _redirect(self) -> None:
        sys.stdout = _Above(self, self._stream)
        # A file gets errors as they are.
        if sys.stderr is not None and sys.stderr.isatty():
            sys.stderr = _Above(self, sys.stderr)

    def _restore(self) -> None:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if isinstance(stream, _Above) and stream.screen is self:
                setattr(sys, name, stream.stream)
                stream.end()


class _Above:
    """Stream whose lines are printed above the blocks of a screen."""

    def __init__(self, screen: Screen, stream: TextIO) -> None:
        self.screen, self.stream = screen, stream
        self._begun = ""

    def write(self, text: str) -> int:
        """Print the lines that are complete."""
        if not self.screen.has_blocks():
            return self.stream.write(text)
        lines, end, rest = (self._begun + text).rpartition("\n")
        # Bars of other libraries return to the beginning of their line.
        self._begun = rest.rpartition("\r")[2]
        if end:
            self.screen.print(lines + end)
        return len(text)

    def flush(self) -> None:
        """Print the text so far as a line: it may ask for input."""
        if self._begun and self.screen.has_blocks():
            begun, self._begun = self._begun, ""
            self.screen.print(f"{begun}\n")
        self.stream.flush()

    def end(self) -> None:
        """Print the last line, which has no end, when there are no more blocks."""
        begun, self._begun = self._begun, ""
        self.stream.write(begun)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
