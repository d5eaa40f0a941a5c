"""Indices out of range for an Embedding are found in the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamina
from lamina import errors, layers
from lamina.training.checks.arrays import check_data


def stack() -> lamina.Model:
    words = layers.Embedding(10, 2, name="words")
    return lamina.Sequential([layers.Input((3,)), words, layers.Flatten()])


def nested() -> lamina.Model:
    """Model with two inputs in a dictionary and the Embedding in an inner model."""
    tokens, rest = layers.Input((3,), name="tokens"), layers.Input((1,), name="rest")
    inner = stack()
    joined = layers.Concatenate()([inner(tokens), rest])
    return lamina.Model({"tokens": tokens, "rest": rest}, layers.Dense(1)(joined))


def check(model: Any, x: Any) -> None:
    check_data((x, None, None), None, [], model.call_graph)


@pytest.mark.parametrize("dtype", ["int32", "float32"])
@pytest.mark.parametrize(
    ("index", "words"),
    [(10, ("input_dim=11", "x[1, 2] = 10")), (-1, ("-1 to 3", "Renumber them from 0"))],
    ids=["too large", "negative"],
)
def test_index_out_of_range_is_refused(
    index: int, words: tuple[str, ...], dtype: str
) -> None:
    x = np.array([[0, 1, 2], [2, 3, index]], dtype)
    with pytest.raises(errors.DataError) as caught:
        check(stack(), x)
    message = str(caught.value)
    assert [w for w in ("'words'", "0 to 9", *words) if w not in message] == []


def test_embeddings_in_inner_models_are_checked() -> None:
    x = {"tokens": np.full((2, 3), 9), "rest": np.full((2, 1), 99)}
    check(nested(), x)
    with pytest.raises(errors.DataError, match="'words'"):
        check(nested(), {**x, "tokens": x["rest"] * np.ones((1, 3), int)})


def test_indices_from_a_layer_before_the_embedding_are_not_checked() -> None:
    halves = layers.Rescaling(0.5)
    words = layers.Embedding(10, 2)
    check(lamina.Sequential([layers.Input((3,)), halves, words]), np.full((2, 3), 19.0))
