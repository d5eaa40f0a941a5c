"""Texts as lists of word indices, as in IMDB and Reuters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lamina.datasets.arrays import parse_header, read_npy_member
from lamina.datasets.fetch import get_file
from lamina.datasets.pickles import array_values, unpickle
from lamina.datasets.split import KERAS_FILES
from lamina.errors import FileFormatError, invalid

Texts = list[list[int]]


class Vocabulary(NamedTuple):
    """Options for shifting, marking and filtering word indices."""

    num_words: int | None
    skip_top: int
    maxlen: int | None
    start_char: int | None
    oov_char: int | None
    index_from: int

    def shift_and_mark(self, texts: Texts) -> Texts:
        """Shift the indices and prepend the start mark to each text."""
        start = [] if self.start_char is None else [self.start_char]
        shift = self.index_from
        return [start + [word + shift for word in text] for text in texts]

    def filter_long(self, texts: Texts, labels: np.ndarray) -> tuple[Texts, np.ndarray]:
        """Remove texts of `maxlen` or more words, counted as Keras does."""
        if not self.maxlen:
            return texts, labels
        is_short = [len(text) < self.maxlen for text in texts]
        if not any(is_short):
            expected = "longer than the shortest text"
            raise invalid("load_data", "maxlen", self.maxlen, expected)
        short = [text for text, keep in zip(texts, is_short, strict=True) if keep]
        return short, labels[is_short]

    def filter_words(self, texts: Texts) -> np.ndarray:
        """Replace or remove words that are too rare or too frequent."""
        limit = self.num_words or max(max(text, default=0) for text in texts)
        known = range(self.skip_top, limit)
        mark = self.oov_char
        if mark is None:
            return _ragged([[w for w in text if w in known] for text in texts])
        return _ragged([[w if w in known else mark for w in text] for text in texts])


def _ragged(texts: Texts) -> np.ndarray:
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


def read_lists(path: str, name: str) -> Texts:
    """Read an object array of lists of integers from an npz file."""
    what = f"{name!r} in {path}"
    data = read_npy_member(path, name)
    *_, start = parse_header(data, what)
    texts = array_values(unpickle(data[start:], what))
    if not isinstance(texts, list) or not all(map(_is_integer_list, texts)):
        raise FileFormatError(f"{what} does not hold lists of integers.")
    return texts


def _is_integer_list(value: object) -> bool:
    return type(value) is list and all(type(word) is int for word in value)


def read_word_index(path: str, name: str, md5: str) -> dict[str, int]:
    """Read the map from words to their indices, before any shift."""
    file = get_file(path, KERAS_FILES + name, file_hash=md5)
    return json.loads(Path(file).read_text(encoding="utf-8"))
