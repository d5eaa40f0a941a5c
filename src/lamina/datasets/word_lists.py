"""Texts as lists of word indices, as in IMDB and Reuters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lamina.datasets.arrays import (
    array_values,
    parse_header,
    read_arrays,
    read_npy_member,
    unpickle,
)
from lamina.datasets.keras_files import keras_file
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

    def load(
        self, file: str, x_name: str, y_name: str, random: np.random.RandomState
    ) -> tuple[Texts, np.ndarray]:
        """Read texts and labels in random order, with shifted indices and start marks.

        Texts of `maxlen` or more words, counted as Keras does, are left out.
        """
        texts, (labels,) = _read_lists(file, x_name), read_arrays(file, y_name)
        order = random.permutation(len(texts))
        start = [] if self.start_char is None else [self.start_char]
        shift = self.index_from
        texts = [start + [word + shift for word in texts[i]] for i in order]
        labels = labels[order]
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


def _read_lists(path: str, name: str) -> Texts:
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


def read_word_index(name: str, path: str) -> dict[str, int]:
    """Read the map from words to their indices, before any shift."""
    return json.loads(Path(keras_file(name, path)).read_text(encoding="utf-8"))
