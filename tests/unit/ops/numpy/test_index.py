"""Placing and looking up, where one line of NumPy does not say it."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import lamina
from lamina import ops
from lamina.errors import ArgumentError
from tests.tables.arrays import floats, ints


def test_in_top_k_includes_ties():
    rows = [[0.1, 0.3, 0.3], [0.5, 0.2, np.nan], [0.5, 0.2, 0.1]]
    assert ops.in_top_k([1, 2, 1], rows, k=1).tolist() == [True, False, False]
    assert ops.in_top_k([2, 0, 1], rows, k=2).tolist() == [True, True, True]


def test_scatter_adds_values_of_equal_indices():
    indices, values = ints(6, 2, below=3), floats(6, 4)
    expected = np.zeros((3, 3, 4), "float32")
    np.add.at(expected, tuple(indices.T), values)
    got = ops.scatter(indices, values, (3, 3, 4))
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "reduction, function",
    [
        (None, lambda old, new: new),
        ("add", np.add),
        ("max", np.maximum),
        ("MAX", np.maximum),
        ("min", np.minimum),
        ("mul", np.multiply),
    ],
)
def test_scatter_update_combines_by_its_reduction(reduction, function):
    x, new = floats(5, 2), floats(2, 2, seed=1)
    expected = x.copy()
    expected[[1, 3]] = function(x[[1, 3]], new)
    got = ops.scatter_update(x, [[1], [3]], new, reduction)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_scatter_update_with_unknown_reduction_is_an_error():
    with pytest.raises(ArgumentError, match="`reduction` must be one of 'add'"):
        ops.scatter_update([1.0], [[0]], [2.0], "mean")


def test_slice_update_replaces_a_block():
    x = floats(4, 5)
    expected = x.copy()
    expected[1:3, 2:4] = 7
    got = ops.slice_update(x, [1, 2], np.full((2, 2), 7))
    np.testing.assert_array_equal(got, expected)


def test_slice_accepts_a_traced_start_index():
    x = floats(4, 5)
    cut = jax.jit(lambda i: ops.slice(x, (i, 0), (2, 5)))
    np.testing.assert_array_equal(cut(1), x[1:3])


def test_segment_sum_needs_num_segments_when_compiled():
    with pytest.raises(ArgumentError, match="segment_sum: .* Pass `num_segments`"):
        jax.jit(lambda ids: ops.segment_sum(np.ones(3), ids))(np.array([0, 1, 1]))
    assert ops.segment_sum(np.ones(3), np.array([0, 1, 1])).tolist() == [1, 2]


def test_bincount_of_batches_with_weights():
    x, weights = ints(2, 9, below=4), floats(2, 9)
    got = ops.bincount(x, weights, minlength=6)
    expected = [np.bincount(a, w, 6) for a, w in zip(x, weights, strict=True)]
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    compiled = jax.jit(lambda x: ops.bincount(x, minlength=4))(x[0])
    assert compiled.tolist() == np.bincount(x[0], minlength=4).tolist()


BY_VALUES = {
    "bincount": (ops.bincount, "Pass `minlength`"),
    "get_item": (lambda x: x[x > 1], r"`where\(mask, x, 0\)`"),
    "nonzero": (ops.nonzero, "`where"),
    "unique": (ops.unique, "Pass `size`"),
    "where": (ops.where, "`where"),
    "repeat": (lambda x: ops.repeat(x, x), "concrete integers"),
}


@pytest.mark.parametrize("name", BY_VALUES)
def test_size_that_depends_on_values_is_an_error_where_values_are_unknown(name):
    function, advice = BY_VALUES[name]
    x = lamina.Input(batch_shape=(4,), dtype="int32")
    with pytest.raises(ArgumentError, match=f"{name}: the size of .*{advice}"):
        function(x)
    if name != "get_item":
        with pytest.raises(ArgumentError, match=f"{name}: the size of"):
            jax.jit(function)(np.array([0, 1, 1, 3]))
        assert jax.tree.leaves(function(np.array([0, 1, 1, 3])))[0].size > 2


def test_unique_with_a_size_can_be_compiled():
    x = np.array([3, 1, 3, 2])
    unique = jax.jit(lambda x: ops.unique(x, return_counts=True, size=4))
    values, counts = unique(x)
    assert values.tolist() == [1, 2, 3, 1] and counts.tolist() == [1, 1, 2, 0]
    assert ops.unique(lamina.Input((3,)), size=4).shape == (4,)
    assert sorted(ops.unique(x, sorted=False).tolist()) == [1, 2, 3]


@pytest.mark.parametrize(
    ("arguments", "error", "reason"),
    [
        ({"bins": 2.5}, TypeError, "`bins` must be an integer"),
        ({"bins": -1}, ArgumentError, "`bins` must be at least 0"),
        ({"range": (2, 1)}, ArgumentError, "`range` must be a pair"),
        ({"x": np.ones((2, 2))}, ArgumentError, "`x` must have rank 1"),
    ],
)
def test_invalid_histogram_is_an_error(arguments, error, reason):
    with pytest.raises(error, match=reason):
        ops.histogram(**{"x": [1.0], **arguments})
