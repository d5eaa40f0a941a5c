"""Numbers as a report prints them."""

from __future__ import annotations

import math


def number(value: float | None, digits: int = 4) -> str:
    """Return a number with a few significant digits, `-` for none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    size = abs(value)
    if 1e-4 <= size < 1e5:
        places = max(0, digits - 1 - math.floor(math.log10(size)))
        text = f"{value:,.{places}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value:.{digits - 1}e}"


def percent(share: float | None) -> str:
    """Return a share as a percentage, `-` for none."""
    if share is None or math.isnan(share):
        return "-"
    return f"{share * 100:.1f}\N{NO-BREAK SPACE}%"


def counted(count: int, noun: str) -> str:
    """Return a number of things, as in "1 row" or "2 rows"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def seconds(time: float) -> str:
    """Return a time in milliseconds, seconds, minutes or hours."""
    if time < 1:
        return f"{time * 1000:.0f} ms"
    if time < 60:
        return f"{time:.1f} s"
    minutes, rest = divmod(round(time), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def readable(metric: str) -> str:
    """Return the name of a metric as words."""
    name = metric.removeprefix("val_").replace("_", " ")
    return f"validation {name}" if metric.startswith("val_") else name
