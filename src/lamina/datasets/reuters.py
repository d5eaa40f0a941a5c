"""Reuters: 11,228 newswires of 1987 in 46 topics."""

from __future__ import annotations

import numpy as np

from lamina.datasets.keras_files import keras_file
from lamina.datasets.split import Split, check_test_split, split_at
from lamina.datasets.word_lists import Vocabulary, read_word_index
from lamina.tracebacks import filter_traceback

__all__ = ["get_label_names", "get_word_index", "load_data"]


def __dir__() -> list[str]:
    return __all__


_TOPICS = """
cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade
reserves ship cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum
oilseed gold tin strategic-metal livestock retail ipi iron-steel rubber heat jobs lei
bop zinc orange pet-chem dlr gas silver wpi hog lead
"""


@filter_traceback
def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> Split:
    """Load newswires as lists of word indices, and their topics 0 to 45.

    The index of a word is its rank by frequency plus `index_from`.

    Args:
        path: name of the file in the cache.
        num_words: words with this index or above become `oov_char`.
        skip_top: words with an index below this become `oov_char`.
        maxlen: only newswires shorter than this are returned.
        test_split: fraction of the newswires in the test set.
        seed: seed of the shuffle.
        start_char: index prepended to each newswire, or `None`.
        oov_char: index that replaces excluded words, or `None` to remove them.
        index_from: offset added to each index.

    Shape:
        By default `((8982,), (8982,)), ((2246,), (2246,))`, as Python lists.

    Example:
        ```python
        (x_train, y_train), test = lamina.datasets.reuters.load_data(num_words=10_000)
        ```

    Reference:
        D. Lewis (1997), Reuters-21578 text categorization test collection.
    """
    check_test_split("reuters.load_data", test_split)
    words = Vocabulary(num_words, skip_top, maxlen, start_char, oov_char, index_from)
    file, random = keras_file("reuters.npz", path), np.random.RandomState(seed)
    texts, labels = words.load(file, "x", "y", random)
    train_size = int(len(texts) * (1 - test_split))
    return split_at(words.filter_words(texts), labels, train_size)


@filter_traceback
def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """Load the rank of each word by frequency; `load_data` adds `index_from` to it.

    Args:
        path: name of the file in the cache.

    Example:
        ```python
        rank = lamina.datasets.reuters.get_word_index()["grain"]
        ```
    """
    return read_word_index("reuters_word_index.json", path)


def get_label_names() -> tuple[str, ...]:
    """Return the names of the topics, in the order of the labels.

    Example:
        >>> lamina.datasets.reuters.get_label_names()[3]
        'earn'
    """
    return tuple(_TOPICS.split())
