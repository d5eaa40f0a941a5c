"""Two parts of a data set, and windows of a series."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import lamina
from lamina.errors import ArgumentError
from lamina.utils import split_dataset, timeseries_dataset_from_array

X = np.arange(10)

SPLITS: dict[str, tuple[dict[str, Any], range, range]] = {
    "share": ({"left_size": 0.8}, range(8), range(8, 10)),
    "rounded to even": ({"left_size": 0.25}, range(2), range(2, 10)),
    "share of the second": ({"right_size": 0.33}, range(7), range(7, 10)),
    "number": ({"left_size": 3}, range(3), range(3, 10)),
    "both": ({"left_size": 3, "right_size": 2}, range(3), range(8, 10)),
    "shares": ({"left_size": 0.5, "right_size": 0.2}, range(5), range(8, 10)),
}


@pytest.mark.parametrize("name", SPLITS)
def test_parts_have_the_same_rows_as_in_keras(name: str) -> None:
    sizes, first, second = SPLITS[name]
    left, right = split_dataset(X, **sizes)
    assert [int(v) for v in left] == list(first)
    assert [int(v) for v in right] == list(second)
    pairs, _ = split_dataset((X, 10 * X), **sizes)
    assert [tuple(map(int, pair)) for pair in pairs] == [(i, 10 * i) for i in first]


def test_seed_shuffles_rows_as_in_keras() -> None:
    order = list(range(10))
    random.Random(3).shuffle(order)
    mixed = [int(v) for v in split_dataset(X, 0.8, shuffle=True, seed=3)[0]]
    assert mixed == order[:8]
    items = split_dataset((str(v) for v in X), 0.8, shuffle=True, seed=3)[1]
    assert list(items) == [str(v) for v in order[8:]]


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"left_size": 0},
        {"left_size": 1.0},
        {"left_size": 11},
        {"left_size": -1},
        {"left_size": 1.5},
        {"left_size": 0.9, "right_size": 0.9},
        {"left_size": "half"},
    ],
)
def test_invalid_sizes_are_refused(sizes: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match="split_dataset: "):
        split_dataset(X, **sizes)


def test_fit_accepts_parts() -> None:
    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    left, right = split_dataset({"x": x, "y": x.sum(1, keepdims=True)}, 0.75)
    assert set(left[0]) == {"x", "y"} and left[-1]["x"].shape == (3,)
    with pytest.raises(IndexError):
        left[30]
    pairs, held = split_dataset((x, x.sum(1, keepdims=True)), 0.75)
    model = lamina.Sequential([lamina.Input((3,)), lamina.layers.Dense(1)])
    model.compile("adam", "mse")
    batches = pairs.batch(8)
    assert [len(b[0]) for b in batches] == [8, 8, 8, 6]
    assert len(pairs.batch(8, drop_remainder=True)) == 3
    history = model.fit(batches, validation_data=held.batch(5), epochs=2, verbose=0)
    assert len(history.history["val_loss"]) == 2 and len(right) == 10


SERIES = np.arange(40).reshape(20, 2)
TARGETS = np.arange(100, 120)


@pytest.mark.parametrize("targets", [None, TARGETS, TARGETS[:10]])
@pytest.mark.parametrize("length", [1, 3])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("rate", [1, 3])
@pytest.mark.parametrize(("start", "end"), [(None, None), (2, None), (2, 9)])
def test_windows_are_slices_of_the_series(
    targets: Any, length: int, stride: int, rate: int, start: Any, end: Any
) -> None:
    found = timeseries_dataset_from_array(
        SERIES, targets, length, stride, rate, 4, start_index=start, end_index=end
    )
    last = len(SERIES) if end is None else end
    span = (length - 1) * rate
    most = last if targets is None else min(last, len(targets) + span)
    expected = range(start or 0, most - span, stride)
    windows = [b if targets is None else b[0] for b in found]
    assert [len(w) for w in windows[:-1]] == [4] * (len(windows) - 1)
    rows = np.concatenate(windows)
    assert rows.tolist() == [SERIES[i : i + span + 1 : rate].tolist() for i in expected]
    if targets is not None:
        assert np.concatenate([b[1] for b in found]).tolist() == [
            int(targets[i]) for i in expected
        ]


def test_windows_can_be_single_and_shuffled() -> None:
    single = timeseries_dataset_from_array(X, None, 3, batch_size=None)
    assert [w.tolist() for w in single][-1] == [7, 8, 9] and len(single) == 8
    some = [
        list(timeseries_dataset_from_array(X, X, 3, shuffle=True, seed=s))[0]
        for s in (1, 1, 2)
    ]
    np.testing.assert_array_equal(some[0][1], some[1][1])
    assert some[0][1].tolist() != some[2][1].tolist()
    assert sorted(some[2][1].tolist()) == list(range(8))
    np.testing.assert_array_equal(some[0][0][:, 0], some[0][1])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sequence_length", 0),
        ("sequence_length", 2.5),
        ("sequence_stride", 0),
        ("sampling_rate", 11),
        ("batch_size", 0),
        ("start_index", -1),
        ("end_index", 11),
    ],
)
def test_invalid_window_arguments_are_refused(name: str, value: Any) -> None:
    arguments: dict[str, Any] = {"sequence_length": 2, name: value}
    with pytest.raises(ArgumentError, match=f"`{name}` must be an?.* integer"):
        timeseries_dataset_from_array(X, None, **arguments)
