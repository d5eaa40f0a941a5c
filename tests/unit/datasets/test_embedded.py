"""The data sets inside the package are the real ones, split as documented."""

from __future__ import annotations

import numpy as np
import pytest
from mlxtend.data import autompg_data
from sklearn.datasets import load_digits

from lamina.datasets import auto_mpg, digits
from lamina.errors import ArgumentError


def by_row(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    rows = np.column_stack([x.reshape(len(x), -1), y]).astype("float32")
    return rows[np.lexsort(rows.T)]


def joined(split):
    (x_train, y_train), (x_test, y_test) = split
    return np.concatenate([x_train, x_test]), np.concatenate([y_train, y_test])


def test_auto_mpg_is_the_data_of_uci():
    x, y = autompg_data()
    origin = np.eye(3)[x[:, 6].astype(int) - 1]
    expected = by_row(np.column_stack([x[:, :6], origin]), y)
    np.testing.assert_array_equal(by_row(*joined(auto_mpg.load_data())), expected)


def test_digits_is_the_data_of_uci():
    expected = load_digits()
    actual = by_row(*joined(digits.load_data()))
    np.testing.assert_array_equal(actual, by_row(expected.images, expected.target))


def test_auto_mpg_has_nine_named_columns():
    (x_train, y_train), (x_test, y_test) = auto_mpg.load_data()
    assert x_train.shape == (314, 9) and y_train.shape == (314,)
    assert x_test.shape == (78, 9) and y_test.shape == (78,)
    assert x_train.dtype == y_train.dtype == np.float32
    column = {name: x_train[:, at] for at, name in enumerate(auto_mpg.FEATURES)}
    np.testing.assert_array_equal(
        column["usa"] + column["europe"] + column["japan"], np.ones(314)
    )
    assert column["model_year"].min() >= 70 and column["model_year"].max() <= 82
    assert column["weight"].min() >= 1613 and column["weight"].max() <= 5140


def test_digits_are_small_images():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert x_train.shape == (1438, 8, 8) and y_train.shape == (1438,)
    assert x_test.shape == (359, 8, 8) and y_test.shape == (359,)
    assert x_train.dtype == y_train.dtype == np.uint8
    assert x_train.max() == 16
    assert set(y_test) == set(range(10))


@pytest.mark.parametrize("load", [auto_mpg.load_data, digits.load_data])
def test_the_seed_decides_the_split(load):
    first, again, other = load(seed=1), load(seed=1), load(seed=2)
    np.testing.assert_array_equal(first[1][0], again[1][0])
    assert not np.array_equal(first[1][0], other[1][0])


@pytest.mark.parametrize("load", [auto_mpg.load_data, digits.load_data])
def test_no_test_rows_means_all_rows_train(load):
    (x_train, _), (x_test, y_test) = load(test_split=0)
    assert len(x_test) == len(y_test) == 0
    assert len(x_train) == len(joined(load())[0])


@pytest.mark.parametrize("load", [auto_mpg.load_data, digits.load_data])
@pytest.mark.parametrize("test_split", [-0.1, 1, 20])
def test_a_bad_split_is_refused(load, test_split):
    with pytest.raises(ArgumentError, match="`test_split` must be"):
        load(test_split=test_split)
