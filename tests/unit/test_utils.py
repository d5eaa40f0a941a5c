"""Helpers around models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamina import errors, utils

SEQUENCES = [[1], [2, 3], [4, 5, 6], []]
PADDED = {
    "default": ({}, [[0, 0, 1], [0, 2, 3], [4, 5, 6], [0, 0, 0]]),
    "post": ({"padding": "post"}, [[1, 0, 0], [2, 3, 0], [4, 5, 6], [0, 0, 0]]),
    "cut in front": ({"maxlen": 2}, [[0, 1], [2, 3], [5, 6], [0, 0]]),
    "cut behind": (
        {"maxlen": 2, "truncating": "post"},
        [[0, 1], [2, 3], [4, 5], [0, 0]],
    ),
    "value": ({"maxlen": 1, "value": -1}, [[1], [3], [6], [-1]]),
    "nothing": ({"maxlen": 0}, [[], [], [], []]),
}


@pytest.mark.parametrize("name", PADDED)
def test_padded_sequences(name: str) -> None:
    arguments, expected = PADDED[name]
    padded = utils.pad_sequences(SEQUENCES, **arguments)
    assert padded.dtype == np.int32
    assert padded.tolist() == expected


def test_padded_vectors() -> None:
    padded = utils.pad_sequences([[[1, 2]], [[3, 4], [5, 6]]], dtype="float32")
    assert padded.tolist() == [[[0, 0], [1, 2]], [[3, 4], [5, 6]]]


@pytest.mark.parametrize(
    ("sequences", "arguments", "words"),
    [
        ([1, 2], {}, "list of numbers"),
        ([[[1, 2]], [[1, 2, 3]]], {}, r"\(2,\), \(3,\)"),
        ([[1]], {"padding": "both"}, "'pre' or 'post'"),
    ],
)
def test_what_cannot_be_padded(sequences: Any, arguments: Any, words: str) -> None:
    with pytest.raises(errors.ArgumentError, match=words):
        utils.pad_sequences(sequences, **arguments)


@pytest.mark.parametrize(
    ("given", "packed"),
    [
        ((1, None, None), 1),
        (([1, 2], None, None), ([1, 2],)),
        ((1, 2, None), (1, 2)),
        ((1, 2, 3), (1, 2, 3)),
        ((1, None, 3), (1, None, 3)),
    ],
)
def test_parts_of_a_batch(given: Any, packed: Any) -> None:
    assert utils.pack_x_y_sample_weight(*given) == packed
    assert utils.unpack_x_y_sample_weight(packed) == given
