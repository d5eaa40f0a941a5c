"""JSON parser for untrusted input."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from lamina.core.untrusted import MAX_VALUES, check_config, readable_size
from lamina.errors import FileFormatError

MAX_BYTES = 2**26


def read_json(text: str | bytes, what: str) -> dict[str, Any]:
    """Parse a JSON text that holds a dictionary.

    Args:
        text: the JSON text.
        what: name of the text in error messages.

    Raises:
        FileFormatError: the text is not valid JSON, is not a dictionary, is too large
            or too deeply nested, or repeats a key.
    """
    try:
        data = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise FileFormatError(
            f"{what} is not valid Unicode: half of a surrogate pair at character "
            f"{error.start:,}."
        ) from None
    if len(data) > MAX_BYTES:
        size, most = readable_size(len(data)), readable_size(MAX_BYTES)
        raise FileFormatError(f"{what} has {size}; at most {most} are read.")
    # A few bytes of JSON can create many Python objects, so the values are counted
    # before parsing: each but the first in a list or dictionary follows a comma.
    value_count = sum(data.count(mark) for mark in (b",", b"[", b"{"))
    if value_count > MAX_VALUES:
        raise FileFormatError(f"{what} holds more than {MAX_VALUES:,} values.")
    try:
        config = json.loads(
            data.decode(), object_pairs_hook=lambda p: _unique_dict(p, what)
        )
    except RecursionError:
        raise FileFormatError(f"{what} is nested too deeply.") from None
    except ValueError as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{what} is not valid JSON: {error}.") from None
    if not isinstance(config, dict):
        kind = type(config).__name__
        raise FileFormatError(f"{what} must be a dictionary, got {kind}.")
    check_config(config, what, longest=MAX_BYTES)
    return config


def _unique_dict(pairs: list[tuple[str, Any]], what: str) -> dict[str, Any]:
    """Make a dictionary of pairs and refuse repeated keys."""
    result = dict(pairs)
    if len(result) < len(pairs):
        repeated, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise FileFormatError(f"{what} has the key {repeated!r} twice.")
    return result
