"""`Tokenizer` and the functions of old `keras.preprocessing.text`."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

from lamina.compat.keras.preprocessing.text import (
    Tokenizer,
    hashing_trick,
    text_to_word_sequence,
    tokenizer_from_json,
)

TEXTS = ["The cat sat on the mat.", "The dog sat on the log!"]


def test_words_are_numbered_by_frequency():
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(TEXTS)
    words = "the", "sat", "on", "cat", "mat", "dog", "log"
    assert tokenizer.word_index == {word: i for i, word in enumerate(words, 1)}
    assert tokenizer.texts_to_sequences(["the bird sat"]) == [[1, 2]]
    assert tokenizer.sequences_to_texts([[1, 6]]) == ["the dog"]
    assert tokenizer.document_count == 2


def test_rare_and_unknown_words_become_the_token():
    tokenizer = Tokenizer(num_words=4, oov_token="?")
    tokenizer.fit_on_texts(TEXTS)
    assert tokenizer.texts_to_sequences(["the cat sat bird"]) == [[2, 1, 3, 1]]


def test_nb_words_is_num_words():
    tokenizer = Tokenizer(nb_words=3)
    tokenizer.fit_on_texts(TEXTS)
    assert tokenizer.texts_to_sequences(TEXTS) == [[1, 2, 1], [1, 2, 1]]


def test_matrix_has_a_column_for_each_index():
    tokenizer = Tokenizer(num_words=3)
    tokenizer.fit_on_texts(TEXTS)
    sequences = [[1, 1, 2], []]
    expected = {
        "binary": [0, 1, 1],
        "count": [0, 2, 1],
        "freq": [0, 2 / 3, 1 / 3],
        # (1 + log(count)) * log(1 + documents / (1 + documents with the word))
        "tfidf": [0, (1 + np.log(2)) * np.log(1 + 2 / 3), np.log(1 + 2 / 3)],
    }
    for mode, row in expected.items():
        matrix = tokenizer.sequences_to_matrix(sequences, mode)
        assert_allclose(matrix, [row, [0, 0, 0]])


def test_json_keeps_the_numbers():
    tokenizer = Tokenizer(char_level=True)
    tokenizer.fit_on_texts(["aab"])
    restored = tokenizer_from_json(tokenizer.to_json())
    assert restored.texts_to_sequences(["ba"]) == [[2, 1]]
    assert restored.get_config() == tokenizer.get_config()


def test_functions_split_and_hash():
    assert text_to_word_sequence("A b,C") == ["a", "b", "c"]
    # hashlib.md5(b"a"): 0cc175b9c0f1b6a831c399e269772661
    expected = int("0cc175b9c0f1b6a831c399e269772661", 16) % 9 + 1
    assert hashing_trick("a A", 10, "md5") == [expected, expected]
