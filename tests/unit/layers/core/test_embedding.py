"""Tables of vectors, and the masks that padding makes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina import layers
from lamina.core.masks import get_mask
from tests.tables.arrays import floats

TABLE = floats(4, 3)


@pytest.mark.parametrize("dtype", ["int32", "uint8", "int8", "float32"])
def test_index_type_does_not_matter(dtype):
    layer = layers.Embedding(4, 3, weights=TABLE)
    index = np.array([[0, 3], [2, 1]], dtype)
    np.testing.assert_array_equal(layer(index), TABLE[index.astype(int)])


@pytest.mark.parametrize("index", [4, 400, -1, -4, 2**31 - 1, -(2**31)])
def test_an_index_outside_the_table_gives_nan(index):
    layer = layers.Embedding(4, 3, weights=TABLE)
    rows = np.asarray(layer(np.array([[1, index, 2]])))
    assert np.isnan(rows[0, 1]).all()
    np.testing.assert_array_equal(rows[0, [0, 2]], TABLE[[1, 2]])


def test_gradients_of_repeated_indices_add_up():
    layer = layers.Embedding(4, 3, weights=TABLE)
    index = jnp.array([[1, 1], [3, 1]])

    def total(table):
        return layer.stateless_call([table], [], index)[0].sum()

    gradient = jax.jit(jax.grad(total))(jnp.asarray(TABLE))
    np.testing.assert_array_equal(gradient[:, 0], [0.0, 3.0, 0.0, 1.0])


@pytest.mark.parametrize("weights", [TABLE, [TABLE], TABLE.tolist()])
def test_initial_weights_accept_arrays_and_lists(weights):
    layer = layers.Embedding(4, 3, weights=weights)
    np.testing.assert_array_equal(layer.embeddings.value, TABLE)
    assert layer.get_config()["weights"] is None


def test_half_precision_applies_to_the_rows():
    layer = layers.Embedding(4, 3, dtype="mixed_bfloat16", weights=TABLE)
    assert layer(np.array([1])).dtype == jnp.bfloat16
    assert layer.embeddings.dtype == "float32"


def test_padding_is_skipped_behind_the_table():
    short = np.array([[1, 2, 0, 0], [3, 0, 0, 0]])
    embedding, lstm = layers.Embedding(4, 3, mask_zero=True), layers.LSTM(2)
    rows = embedding(short)
    np.testing.assert_array_equal(get_mask(rows), short != 0)
    np.testing.assert_allclose(lstm(rows)[0], lstm(rows[:1, :2])[0], atol=1e-6)


def test_without_mask_zero_there_is_no_mask():
    assert get_mask(layers.Embedding(4, 3)(np.array([[0, 1]]))) is None


def test_masked_steps_are_zeroed_and_noted():
    x = np.array([[[1.0, -1.0], [-1.0, -1.0]]], "float32")
    outputs = layers.Masking(mask_value=-1.0)(x)
    np.testing.assert_array_equal(outputs, [[[1.0, -1.0], [0.0, 0.0]]])
    np.testing.assert_array_equal(get_mask(outputs), [[True, False]])


def test_mask_is_an_attribute_of_arrays_as_in_keras():
    index = np.array([[1, 0]])
    vectors = layers.Embedding(4, 3, mask_zero=True)(index)
    np.testing.assert_array_equal(vectors._keras_mask, [[True, False]])
    outputs = layers.LSTM(2, return_sequences=True)(layers.Dropout(0.5)(vectors))
    np.testing.assert_array_equal(outputs._keras_mask, [[True, False]])
    jax.jit(layers.Masking())(vectors)
