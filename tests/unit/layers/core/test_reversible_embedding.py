"""Scores of a reversible embedding, their type, and the mask of its rows."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import layers
from lamina.core.masks import get_mask
from tests.tables.arrays import floats

TABLE = floats(4, 3)


def test_tied_scores_are_products_with_the_table():
    layer = layers.ReversibleEmbedding(4, 3, weights=TABLE)
    vectors = floats(2, 5, 3)
    expected = vectors @ TABLE.T
    np.testing.assert_allclose(layer(vectors, reverse=True), expected, rtol=1e-5)
    assert len(layer.weights) == 1


@pytest.mark.parametrize("reverse_dtype", [None, "float32"])
def test_scores_are_computed_in_the_reverse_type(reverse_dtype):
    layer = layers.ReversibleEmbedding(
        4, 3, reverse_dtype=reverse_dtype, dtype="mixed_bfloat16"
    )
    vectors = layer(np.array([[1, 2]]))
    scores = layer(vectors, reverse=True)
    assert (vectors.dtype, scores.dtype) == ("bfloat16", reverse_dtype or "bfloat16")


def test_only_rows_have_a_mask():
    layer = layers.ReversibleEmbedding(4, 3, mask_zero=True)
    rows = layer(np.array([[1, 0]]))
    np.testing.assert_array_equal(get_mask(rows), [[True, False]])
    assert layer.compute_output_shape((2, 5)) == (2, 5, 3)
    assert layer.compute_output_shape((2, 5, 3), reverse=True) == (2, 5, 4)
