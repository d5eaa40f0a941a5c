"""JSON whose writer is not known."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from lamina.core.budget import MAX_VALUES, check_config, readable_size
from lamina.errors import FileFormatError

__all__ = ["MAX_BYTES", "read_json"]

MAX_BYTES = 2**26


def read_json(text: str | bytes, what: str) -> dict[str, Any]:
    """The dictionary that a JSON text holds.

    Raises:
        FileFormatError: it is no JSON, no dictionary, too large or too deep, or says
            the same thing twice.
    """
    try:
        data = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise FileFormatError(
            f"{what} is not valid Unicode: half of a surrogate pair at character "
            f"{error.start:,}."
        ) from None
    if len(data) > MAX_BYTES:
        raise FileFormatError(
            f"{what} has {readable_size(len(data))}; at most "
            f"{readable_size(MAX_BYTES)} are read."
        )
    # Each value but the first in a list or dictionary follows a comma: few bytes can
    # stand for many objects in memory, so they are counted before there are any.
    values = sum(data.count(mark) for mark in (b",", b"[", b"{"))
    if values > MAX_VALUES:
        raise FileFormatError(f"{what} holds more than {MAX_VALUES:,} values.")
    try:
        config = json.loads(data.decode(), object_pairs_hook=lambda p: _once(p, what))
    except RecursionError:
        raise FileFormatError(f"{what} has brackets too deep in each other.") from None
    except ValueError as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{what} is no valid JSON: {error}.") from None
    if not isinstance(config, dict):
        raise FileFormatError(f"{what} must hold a dictionary.")
    check_config(config, what, longest=MAX_BYTES)
    return config


def _once(pairs: list[tuple[str, Any]], what: str) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise FileFormatError(f"{what} says twice what {twice!r} is.")
    return found
