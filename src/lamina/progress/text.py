"""Texts of progress: durations, rates, numbers, small curves, lines of a width."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_BLOCKS = "▁▂▃▄▅▆▇█"
_SIZES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_GAP = "  "
# Latin and other alphabets, arrows, lines and blocks; looking up each letter is slow.
_NARROW = re.compile("[ -\u10ff\u2010-\u21ff\u2500-\u25fc]*")


def duration(seconds: float) -> str:
    """Format seconds with few digits: 0.107ms, 1.37ms, 0.4s, 3m05s."""
    if seconds >= 60:
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"
    if seconds >= 0.1:
        return f"{seconds:.1f}s"
    value = seconds * 1e3
    return f"{value:.3g}ms"


def rate(each: float, unit: str) -> str:
    """Format the time per unit as units per second, or as seconds if it is long.

    Args:
        each: seconds per unit.
        unit: the unit's name in the singular; "B" for bytes.
    """
    if each <= 0:
        return ""
    if unit == "B":
        return f"{size(1 / each)}/s"
    if each >= 1:
        return f"{duration(each)}/{unit}"
    return f"{1 / each:,.{0 if each < 0.1 else 1}f} {unit}s/s"


def size(count: float) -> str:
    """Format a number of bytes: 11.5 MB."""
    for factor, unit in _SIZES:
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count:.0f} B"


def amount(done: int, total: int | None, unit: str) -> str:
    """Format how much is done: 12/938, 12 steps, 4.2 MB of 11.5 MB."""
    if unit == "B":
        return size(done) if total is None else f"{size(done)} of {size(total)}"
    if total is None:
        return f"{done:,} {unit}{'' if done == 1 else 's'}"
    return f"{done:{len(str(total))}d}/{total}"


def number(value: float) -> str:
    """Format a metric with four digits: 0.2312, 12.35, 1.5e-05."""
    return f"{value:.4f}" if 1e-3 <= abs(value) < 10 or value == 0 else f"{value:.4g}"


def change(difference: float) -> str:
    """Format a difference with an arrow in at most seven letters: ↓0.041."""
    if difference == 0 or not math.isfinite(difference):
        return ""
    value = abs(difference)
    digits = ".0f" if 100 <= value < 1e5 else ".2g" if 1e-3 <= value < 100 else ".1g"
    return f"{'↑' if difference > 0 else '↓'}{value:{digits}}"


def resampled(values: Sequence[float], most: int) -> Sequence[float]:
    """Return at most `most` of the values, evenly spaced, with the first and last."""
    if len(values) <= most:
        return values
    last = len(values) - 1
    return [values[round(i * last / (most - 1))] for i in range(most)]


def sparkline(values: Sequence[float], width: int = 10) -> str:
    """Draw values in one line of at most `width` characters."""
    values = resampled(values, width)
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    scale = (len(_BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(
        _BLOCKS[round((value - low) * scale)] if math.isfinite(value) else " "
        for value in values
    )


def columns(text: str) -> int:
    """Return the number of columns that a terminal uses for a text."""
    if _NARROW.fullmatch(text):
        return len(text)
    double_width = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + double_width


class Styled(NamedTuple):
    """Text of a line in two versions: without and with codes of colors."""

    plain: str
    colored: str

    @property
    def width(self) -> int:
        """Columns in a terminal."""
        return columns(self.plain)


def styled(text: str, code: str = "") -> Styled:
    """Return a text with a style, such as "32" for green; "" for none."""
    return Styled(text, f"\x1b[{code}m{text}\x1b[0m" if code and text else text)


def joined(parts: Iterable[Styled], gap: str = _GAP) -> Styled:
    """Join the texts that are not empty."""
    shown = [part for part in parts if part.plain]
    plain = gap.join(part.plain for part in shown)
    return Styled(plain, gap.join(part.colored for part in shown))


def wrapped(
    parts: Iterable[Styled], width: int, gap: str = _GAP, indent: str = _GAP
) -> list[Styled]:
    """Join the texts that are not empty, and break lines between them at a width.

    Args:
        parts: the texts; none is split.
        width: columns of a line.
        gap: the text between two.
        indent: the text before the second and later lines.
    """
    lines: list[Styled] = []
    for part in filter(lambda part: part.plain, parts):
        longer = joined([*lines[-1:], part], gap)
        if lines and longer.width > width:
            lines.append(joined([styled(indent), part], ""))
        else:
            lines[-1:] = [longer]
    return lines


def cut(line: Styled, width: int) -> Styled:
    """Return a line without colors and shorter, if it is wider than a width."""
    if line.width <= width:
        return line
    text = line.plain
    while columns(text) > width - 1:
        text = text[:-1]
    return styled(f"{text}…")
