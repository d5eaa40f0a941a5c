"""IMDB: 50,000 film reviews, liked or not."""

from __future__ import annotations

import numpy as np

from lamina.core.tracebacks import filter_traceback
from lamina.datasets.arrays import read_arrays
from lamina.datasets.fetch import get_file
from lamina.datasets.split import KERAS_FILES, Split
from lamina.datasets.word_lists import (
    Texts,
    Vocabulary,
    read_lists,
    read_word_index,
)

__all__ = ["get_word_index", "load_data"]


def __dir__() -> list[str]:
    return __all__


_SHA256 = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
_WORDS_MD5 = "bfafd718b763782e994055a2d397834f"


@filter_traceback
def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> Split:
    """Film reviews as lists of word numbers, and 1 for liked or 0 for not.

    A word's number is its rank by frequency, plus `index_from`.

    Args:
        path: name of the file in the cache.
        num_words: numbers from here on become `oov_char`.
        skip_top: numbers below this become `oov_char`.
        maxlen: only reviews shorter than this are kept.
        seed: of the shuffle.
        start_char: number put before each review, or `None`.
        oov_char: number for words left out, or `None` to drop them.
        index_from: added to each number.

    Shape:
        `((25000,), (25000,)), ((25000,), (25000,))`, the reviews as Python lists.

    Example:
        ```python
        (x_train, y_train), test = lamina.datasets.imdb.load_data(num_words=10_000)
        ```

    Reference:
        A. Maas et al. (2011), Learning Word Vectors for Sentiment Analysis.
    """
    words = Vocabulary(num_words, skip_top, maxlen, start_char, oov_char, index_from)
    file = get_file(path, KERAS_FILES + "imdb.npz", file_hash=_SHA256)
    random = np.random.RandomState(seed)
    x_train, y_train = _part(file, "train", random, words)
    x_test, y_test = _part(file, "test", random, words)
    x = words.cut(x_train + x_test)
    return (x[: len(x_train)], y_train), (x[len(x_train) :], y_test)


def _part(
    file: str, part: str, random: np.random.RandomState, words: Vocabulary
) -> tuple[Texts, np.ndarray]:
    texts, labels = read_lists(file, f"x_{part}"), read_arrays(file, f"y_{part}")[0]
    order = random.permutation(len(texts))
    shuffled = [texts[row] for row in order]
    return words.short(words.mark(shuffled), labels[order])


@filter_traceback
def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """The rank of each word by frequency; `load_data` adds `index_from` to it.

    Args:
        path: name of the file in the cache.

    Example:
        ```python
        rank = lamina.datasets.imdb.get_word_index()["film"]
        ```
    """
    return read_word_index(path, "imdb_word_index.json", _WORDS_MD5)
