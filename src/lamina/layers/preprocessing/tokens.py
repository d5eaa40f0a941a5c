"""Standardization of texts, and their division into tokens and n-grams."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

# Functions of a NumPy array of strings; a split returns a list of tokens per string.
TextFunction: TypeAlias = Callable[[np.ndarray], Any]

# As in TensorFlow, only ASCII letters and ASCII whitespace count, so that texts can be
# processed as bytes, which is several times as fast.
_LOWER = bytes(range(256)).lower()
_PUNCTUATION = string.punctuation.encode()
STANDARDIZATIONS: dict[str, tuple[bytes | None, bytes]] = {
    "lower_and_strip_punctuation": (_LOWER, _PUNCTUATION),
    "lower": (_LOWER, b""),
    "strip_punctuation": (None, _PUNCTUATION),
}


class Tokenizer(NamedTuple):
    """Function of an array of texts that returns the tokens of each, as UTF-8.

    The fields are the arguments of `TextVectorization`.
    """

    standardize: str | TextFunction | None
    split: str | TextFunction | None
    ngrams: int | Sequence[int] | None
    encoding: str

    def __call__(self, texts: np.ndarray, limit: int | None) -> list[list[bytes]]:
        """Return the n-grams of each text, at most `limit` of each."""
        flat = self._standardized(texts)
        if self.split is None:
            width = texts.shape[-1] if texts.ndim else 1
            rows = [flat[i : i + width] for i in range(0, len(flat), width)]
        else:
            rows = self._split(flat, None if self.ngrams else limit)
        if self.ngrams is not None:
            widths = self.ngrams
            widths = range(1, widths + 1) if isinstance(widths, int) else widths
            rows = [_ngrams(row, widths) for row in rows]
        if limit is None or max(map(len, rows), default=0) <= limit:
            return rows
        return [row[:limit] for row in rows]

    def _standardized(self, texts: np.ndarray) -> list[bytes]:
        if callable(self.standardize):
            strings = [decoded(v, self.encoding) for v in texts.ravel().tolist()]
            given = np.array(strings, str).reshape(texts.shape)
            texts = np.asarray(self.standardize(given))
        found = [_encoded(text, self.encoding) for text in texts.ravel().tolist()]
        if isinstance(self.standardize, str):
            table, removed = STANDARDIZATIONS[self.standardize.lower()]
            return [text.translate(table, removed) for text in found]
        return found

    def _split(self, texts: list[bytes], limit: int | None) -> list[list[bytes]]:
        if callable(self.split):
            rows = self.split(np.array([text.decode() for text in texts], str))
            return [[_encoded(t, self.encoding) for t in row] for row in rows]
        if str(self.split).lower() == "character":
            return [[c.encode() for c in text.decode()] for text in texts]
        return [text.split(None, -1 if limit is None else limit) for text in texts]


def decoded(value: object, encoding: str) -> str:
    """Return a text as a string."""
    return value.decode(encoding) if isinstance(value, bytes) else str(value)


def _encoded(value: object, encoding: str) -> bytes:
    """Return a text as UTF-8; lone surrogates become question marks."""
    if isinstance(value, bytes) and encoding == "utf-8":
        return value
    return decoded(value, encoding).encode("utf-8", "replace")


def _ngrams(row: list[bytes], widths: Sequence[int]) -> list[bytes]:
    """Return the n-grams of each width, the first width first."""
    return [
        b" ".join(row[i : i + width])
        for width in widths
        for i in range(len(row) - width + 1)
    ]
