"""Conversion of frames, columns, lists and unusual arrays to numeric arrays."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd
import polars as pl
import pytest

from lamina import errors
from lamina.data import adapt
from lamina.data.arrays import as_arrays

NAN = float("nan")
HALVES = [0.0, 0.5]
DAYS = [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)]

NUMBERS: dict[str, tuple[Any, Any]] = {
    "pandas, mixed": (
        pd.DataFrame({"a": HALVES, "b": [1, 2], "c": [True, False]}),
        [[0, 1, 1], [0.5, 2, 0]],
    ),
    "pandas, two columns of one name": (
        pd.DataFrame([[1.0, True], [2.0, False]], columns=["a", "a"]),
        [[1, 1], [2, 0]],
    ),
    "pandas, nullable": (
        pd.DataFrame({"a": HALVES, "b": pd.array([1, None], dtype="Int64")}),
        [[0, 1], [0.5, NAN]],
    ),
    "pandas, nullable truth": (
        pd.Series(pd.array([True, None], dtype="boolean")),
        [1, NAN],
    ),
    "pandas, categories that are numbers": (
        pd.DataFrame({"a": HALVES, "b": pd.Categorical([7, 9])}),
        [[0, 7], [0.5, 9]],
    ),
    "pandas, lists": (pd.Series([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    "polars, mixed": (
        pl.DataFrame({"a": HALVES, "b": [1, 2], "c": [True, False]}),
        [[0, 1, 1], [0.5, 2, 0]],
    ),
    "polars, nulls": (
        pl.DataFrame({"a": HALVES, "b": [1, None]}),
        [[0, 1], [0.5, NAN]],
    ),
    "polars, arrays": (
        pl.Series([[1.0, 2.0]], dtype=pl.Array(pl.Float64, 2)),
        [[1, 2]],
    ),
    "objects": (np.array([1, 2.5], object), [1, 2.5]),
    "list with None": ([1, None], [1, NAN]),
    "masked": (np.ma.masked_array(HALVES, mask=[False, True]), [0, NAN]),
    "beyond 32 bits": (np.array([1, 5_000_000_000]), [1, 5e9]),
    "jax": (jnp.ones((2, 1)), [[1], [1]]),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(name: str) -> None:
    value, expected = NUMBERS[name]
    array = as_arrays(value, "x")
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, np.array(expected, np.float32))


REFUSED: dict[str, tuple[Any, tuple[str, ...]]] = {
    "text in a column": (
        pd.DataFrame({"a": HALVES, "name": ["ann", "bob"]}),
        ("Column 'name' of x", "'ann'", "StringLookup"),
    ),
    "categories": (
        pl.DataFrame({"kind": pl.Series(["u", "v"], dtype=pl.Categorical)}),
        ("Column 'kind' of x", "'u'", "StringLookup"),
    ),
    "dates, pandas": (
        pd.DataFrame({"a": HALVES, "when": pd.to_datetime(DAYS)}),
        ("Column 'when' of x", "dates", "2020-01-01"),
    ),
    "dates, polars": (pl.DataFrame({"when": DAYS}), ("'when'", "2020-01-01")),
    "dates with a zone": (
        pd.Series(pd.date_range("2020", periods=2, tz="UTC")),
        ("dates", "2020-01-01"),
    ),
    "dates, numpy": (np.array(DAYS, "datetime64[D]"), ("dates", "2020-01-01")),
    "durations": (pd.Series(pd.to_timedelta([1, 2], unit="D")), ("times",)),
    "text": (["ann", "bob"], ("x holds strings", "'ann'")),
    "lists of two lengths": (
        [[1, 2], [3]],
        ("Pad rows of different lengths to one length",),
    ),
    "arrays of two lengths": (
        pd.Series([[1, 2], [3]]),
        ("Pad rows of different lengths to one length",),
    ),
    "records": (np.zeros(2, [("a", "f4"), ("b", "i4")]), ("fields a, b",)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    value, words = REFUSED[name]
    with pytest.raises(errors.DataError) as caught:
        as_arrays(value, "x")
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_memory_mapped_file_is_not_read(dtype: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(12, dtype=dtype).reshape(6, 2))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    head, tail = adapt.split_validation((as_arrays(mapped, "x"), None, None), 0.5)
    for part in (head[0], tail[0]):
        assert isinstance(part, np.memmap) and np.shares_memory(part, mapped)


def test_memory_mapped_file_larger_than_the_device_is_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.arange(12.0).reshape(6, 2)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    monkeypatch.setattr(adapt, "_fits_device", lambda _: False)
    feed = adapt.adapt(mapped, batch_size=4)
    stacks = [np.asarray(s.data[0][0]) for s in feed.segments(0)]
    assert [stack.dtype for stack in stacks] == ["float32"] * 2
    np.testing.assert_array_equal(stacks[0][0], x[:4])
    np.testing.assert_array_equal(stacks[1][0], x[4:])
