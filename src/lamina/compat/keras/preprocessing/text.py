"""Functions and classes of `keras.preprocessing.text` in Keras 1 and 2."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from lamina.compat.notices import tell
from lamina.errors import FileFormatError
from lamina.io.bounded_json import read_json

__all__ = [
    "Tokenizer",
    "hashing_trick",
    "one_hot",
    "text_to_word_sequence",
    "tokenizer_from_json",
]

_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def text_to_word_sequence(
    text: str, filters: str = _FILTERS, lower: bool = True, split: str = " "
) -> list[str]:
    """Return the words of a text.

    Args:
        text: the text.
        filters: characters that are replaced by `split`.
        lower: whether to convert to lower case.
        split: the text between words.
    """
    text = text.lower() if lower else text
    text = text.translate({ord(c): split for c in filters})
    return [word for word in text.split(split) if word]


def hashing_trick(
    text: str,
    n: int,
    hash_function: Any = None,
    filters: str = _FILTERS,
    lower: bool = True,
    split: str = " ",
) -> list[int]:
    """Return an index from 1 to n - 1 for each word: its hash.

    Args:
        text: the text.
        n: number of indices.
        hash_function: function of a word; "md5" or Python's `hash` by default.
        filters: characters that are replaced by `split`.
        lower: whether to convert to lower case.
        split: the text between words.
    """
    function = hash_function or hash
    if function == "md5":
        function = _md5
    words = text_to_word_sequence(text, filters, lower, split)
    return [function(word) % (n - 1) + 1 for word in words]


def one_hot(
    text: str, n: int, filters: str = _FILTERS, lower: bool = True, split: str = " "
) -> list[int]:
    """Return `hashing_trick` with Python's `hash`, which differs between processes."""
    return hashing_trick(text, n, None, filters, lower, split)


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


class Tokenizer:
    """Numbering of the words of texts by their frequency, from 1.

    Args:
        num_words: largest index plus one that `texts_to_sequences` returns.
        filters: characters that separate words too.
        lower: whether to convert to lower case.
        split: the text between words.
        char_level: whether each character is a word.
        oov_token: word that stands for unknown ones, with index 1.
        document_count: number of texts so far.

    Example:
        >>> tokenizer = Tokenizer()
        >>> tokenizer.fit_on_texts(["a b a"])
        >>> tokenizer.texts_to_sequences(["b a c"])
        [[2, 1]]
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = _FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        document_count: int = 0,
        nb_words: int | None = None,
        **_: object,
    ) -> None:
        tell("preprocessing.text.Tokenizer", "layers.TextVectorization")
        self.num_words = num_words or nb_words
        self.filters, self.lower, self.split = filters, lower, split
        self.char_level, self.oov_token = char_level, oov_token
        self.document_count = document_count
        self.word_counts: dict[str, int] = {}
        self.word_docs: Counter[str] = Counter()
        self.index_docs: dict[int, int] = {}
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def fit_on_texts(self, texts: Iterable[str | Sequence[str]]) -> None:
        """Count the words of texts and number them."""
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            self.word_docs.update(set(words))
        ranked = sorted(
            self.word_counts, key=self.word_counts.__getitem__, reverse=True
        )
        first = [] if self.oov_token is None else [self.oov_token]
        self.word_index = {w: i for i, w in enumerate(dict.fromkeys(first + ranked), 1)}
        self.index_word = {i: w for w, i in self.word_index.items()}
        self.index_docs = {self.word_index[w]: n for w, n in self.word_docs.items()}

    def fit_on_sequences(self, sequences: Iterable[Sequence[int]]) -> None:
        """Count the texts that have each index."""
        for sequence in sequences:
            self.document_count += 1
            for index in set(sequence):
                self.index_docs[index] = self.index_docs.get(index, 0) + 1

    def texts_to_sequences(
        self, texts: Iterable[str | Sequence[str]]
    ) -> list[list[int]]:
        """Return the indices of the words of each text."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(
        self, texts: Iterable[str | Sequence[str]]
    ) -> Iterable[list[int]]:
        """Yield the indices of the words of each text."""
        unknown = self.word_index.get(self.oov_token or "")
        for text in texts:
            found = [self.word_index.get(word, unknown) for word in self._words(text)]
            limited = [unknown if i and self._is_rare(i) else i for i in found]
            yield [i for i in limited if i is not None]

    def sequences_to_texts(self, sequences: Iterable[Sequence[int]]) -> list[str]:
        """Return the words of indices, joined by spaces."""
        return [
            " ".join(self._word(i) for i in sequence if self._word(i))
            for sequence in sequences
        ]

    def texts_to_matrix(self, texts: Iterable[str], mode: str = "binary") -> np.ndarray:
        """Return a row for each text; see `sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(
        self, sequences: Sequence[Sequence[int]], mode: str = "binary"
    ) -> np.ndarray:
        """Return a row for each sequence, with a column for each index.

        Args:
            sequences: lists of indices.
            mode: "binary", "count", "freq" for shares, or "tfidf".
        """
        size = self.num_words or len(self.word_index) + 1
        matrix = np.zeros((len(sequences), size))
        for row, sequence in zip(matrix, sequences, strict=True):
            counts = Counter(i for i in sequence if i < size)
            for index, count in counts.items():
                row[index] = self._weight(mode, index, count, len(sequence))
        return matrix

    def _weight(self, mode: str, index: int, count: int, length: int) -> float:
        if mode == "count":
            return count
        if mode == "freq":
            return count / length
        if mode == "binary":
            return 1
        if mode != "tfidf":
            raise ValueError(f"Unknown vectorization mode: {mode!r}")
        texts = self.document_count / (1 + self.index_docs.get(index, 0))
        return float((1 + np.log(count)) * np.log(1 + texts))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, counts and indices; dictionaries as JSON."""
        names = "word_counts", "word_docs", "index_docs", "index_word", "word_index"
        arguments = (
            *("num_words", "filters", "lower", "split", "char_level", "oov_token"),
            "document_count",
        )
        tables = {name: json.dumps(getattr(self, name)) for name in names}
        return {name: getattr(self, name) for name in arguments} | tables

    def to_json(self, **options: Any) -> str:
        """Return the config as JSON, for `tokenizer_from_json`."""
        found = {"class_name": "Tokenizer", "config": self.get_config()}
        return json.dumps(found, **options)

    def _words(self, text: str | Sequence[str]) -> Sequence[str]:
        if not isinstance(text, str):
            return [w.lower() for w in text] if self.lower else text
        if self.char_level:
            return list(text.lower() if self.lower else text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def _is_rare(self, index: int) -> bool:
        return self.num_words is not None and index >= self.num_words

    def _word(self, index: int) -> str:
        known = None if self._is_rare(index) else self.index_word.get(index)
        return known or self.oov_token or ""


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """Return a `Tokenizer` from the text that `Tokenizer.to_json` returned.

    Raises:
        FileFormatError: the text is not one of a tokenizer.
    """
    config = read_json(json_string, "The text").get("config")
    if not isinstance(config, dict):
        raise FileFormatError("The text is not that of a Tokenizer: it has no config.")
    tables = {name: _table(config.pop(name), name) for name in _TABLES & config.keys()}
    for name, kinds in _KINDS.items():
        value = config.get(name)
        if name in config and not isinstance(value, kinds):
            raise FileFormatError(
                f"{name!r} of the tokenizer cannot be of type {type(value).__name__}."
            )
    tokenizer = Tokenizer(**config)
    vars(tokenizer).update(tables)
    tokenizer.word_docs = Counter(tokenizer.word_docs)
    return tokenizer


_KINDS: dict[str, Any] = {
    "num_words": int | None,
    "filters": str,
    "split": str,
    "oov_token": str | None,
    "document_count": int,
}
_TABLES = {"word_counts", "word_docs", "index_docs", "index_word", "word_index"}


def _table(text: object, name: str) -> dict[Any, Any]:
    """Return the words or indices of a table in a config, with their values."""
    what = f"{name!r} of the tokenizer"
    if not isinstance(text, str):
        raise FileFormatError(f"{what} must be a string, got {type(text).__name__}.")
    table: dict[Any, Any] = read_json(text, what)
    if name.startswith("index_"):
        if not all(map(str.isdecimal, table)):
            raise FileFormatError(f"The keys of {what} must be numbers.")
        table = {int(key): value for key, value in table.items()}
    kind = str if name == "index_word" else int
    if not all(isinstance(value, kind) for value in table.values()):
        raise FileFormatError(f"The values of {what} must be of type {kind.__name__}.")
    return table
