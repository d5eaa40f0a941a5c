"""Lines on standard error that name each old spelling and today's, once per line."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable

from lamina.tracebacks import user_location

is_quiet = False
# Function that returns the name to show of a file of code, such as a notebook's cell.
name_of_source: Callable[[str], str] = os.path.basename
_told: set[tuple[str, str]] = set()


def tell(old: str, new: str) -> None:
    """Print that the program uses an old spelling, once for each line of it.

    Args:
        old: the old spelling, such as "Dense(output_dim=)".
        new: today's spelling, or "" for what has no effect today.
    """
    location = user_location()
    if (location, old) in _told:
        return
    _told.add((location, old))
    if is_quiet or not location:
        return
    path, _, line = location.rpartition(":")
    text = f"is now {new}" if new else "has no effect today; remove it"
    print(f"{name_of_source(path)}:{line}: {old} {text}", file=sys.stderr)


def summary(script: str) -> str:
    """Return the number of old spellings that were told, "" if there are none.

    Args:
        script: path of the program, for the command that rewrites it, or "".
    """
    count = len(_told)
    if not count:
        return ""
    spellings, them = ("spelling", "it") if count == 1 else ("spellings", "them")
    command = (
        f"; `lamina upgrade {shlex.quote(script)}` rewrites {them}" if script else ""
    )
    return f"{count} old {spellings}{command}"


def forget() -> None:
    """Forget which spellings were told, and tell about them again."""
    global is_quiet
    is_quiet = False
    _told.clear()
