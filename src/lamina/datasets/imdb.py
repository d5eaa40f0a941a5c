"""IMDB: 50,000 film reviews, positive or negative."""

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
    """Load film reviews as lists of word indices, and labels: 1 positive, 0 negative.

    The index of a word is its rank by frequency plus `index_from`.

    Args:
        path: name of the file in the cache.
        num_words: words with this index or above become `oov_char`.
        skip_top: words with an index below this become `oov_char`.
        maxlen: only reviews shorter than this are returned.
        seed: seed of the shuffle.
        start_char: index prepended to each review, or `None`.
        oov_char: index that replaces excluded words, or `None` to remove them.
        index_from: offset added to each index.

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
    x_train, y_train = _load_part(file, "train", random, words)
    x_test, y_test = _load_part(file, "test", random, words)
    x = words.filter_words(x_train + x_test)
    return (x[: len(x_train)], y_train), (x[len(x_train) :], y_test)


def _load_part(
    file: str, part: str, random: np.random.RandomState, words: Vocabulary
) -> tuple[Texts, np.ndarray]:
    texts, labels = read_lists(file, f"x_{part}"), read_arrays(file, f"y_{part}")[0]
    order = random.permutation(len(texts))
    shuffled = [texts[i] for i in order]
    return words.filter_long(words.shift_and_mark(shuffled), labels[order])


@filter_traceback
def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """Load the rank of each word by frequency; `load_data` adds `index_from` to it.

    Args:
        path: name of the file in the cache.

    Example:
        ```python
        rank = lamina.datasets.imdb.get_word_index()["film"]
        ```
    """
    return read_word_index(path, "imdb_word_index.json", _WORDS_MD5)
