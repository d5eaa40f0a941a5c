"""IMDB: 50,000 film reviews, positive or negative."""

from __future__ import annotations

import numpy as np

from lamina.datasets.keras_files import keras_file
from lamina.datasets.split import Split
from lamina.datasets.word_lists import Vocabulary, read_word_index
from lamina.tracebacks import filter_traceback

__all__ = ["get_word_index", "load_data"]


def __dir__() -> list[str]:
    return __all__


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
    file, random = keras_file("imdb.npz", path), np.random.RandomState(seed)
    x_train, y_train = words.load(file, "x_train", "y_train", random)
    x_test, y_test = words.load(file, "x_test", "y_test", random)
    x = words.filter_words(x_train + x_test)
    return (x[: len(x_train)], y_train), (x[len(x_train) :], y_test)


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
    return read_word_index("imdb_word_index.json", path)
