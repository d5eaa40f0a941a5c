"""Functions of `tensorflow.compat`."""

from __future__ import annotations


def as_str(bytes_or_text: str | bytes, encoding: str = "utf-8") -> str:
    """Return text."""
    is_bytes = isinstance(bytes_or_text, bytes)
    return bytes_or_text.decode(encoding) if is_bytes else str(bytes_or_text)


as_text = as_str_any = as_str


def as_bytes(bytes_or_text: str | bytes, encoding: str = "utf-8") -> bytes:
    """Return bytes."""
    is_bytes = isinstance(bytes_or_text, bytes)
    return bytes_or_text if is_bytes else bytes_or_text.encode(encoding)
