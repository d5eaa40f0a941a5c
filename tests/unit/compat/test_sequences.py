"""Windows of series and pairs of words, against NumPy."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lamina.compat.keras.preprocessing.sequences import (
    TimeseriesGenerator,
    make_sampling_table,
    skipgrams,
)
from lamina.errors import ArgumentError

STEPS = np.arange(50.0)


def test_windows_of_the_documentation_of_keras_2():
    data = STEPS[:, None]
    batches = TimeseriesGenerator(data, data, 10, sampling_rate=2, batch_size=2)
    x, y = batches[0]
    assert len(batches) == 20
    assert x[..., 0].tolist() == [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]
    assert y[..., 0].tolist() == [10, 11]


def test_windows_within_bounds_with_a_stride_in_reverse():
    batches = TimeseriesGenerator(
        STEPS,
        STEPS,
        3,
        stride=4,
        start_index=5,
        end_index=20,
        reverse=True,
        batch_size=2,
    )
    found = [batches[i] for i in range(len(batches))]
    ends = np.concatenate([y for _, y in found])
    assert ends.tolist() == [8, 12, 16, 20]
    assert np.concatenate([x for x, _ in found])[1].tolist() == [11, 10, 9]


def test_windows_at_random_and_their_config():
    batches = TimeseriesGenerator(STEPS, STEPS, 3, shuffle=True, batch_size=100)
    x, y = batches[0]
    assert (x == y[:, None] + [-3, -2, -1]).all() and len(set(y)) > 10
    config = json.loads(batches.to_json())["config"]
    assert json.loads(config["data"]) == STEPS.tolist() and config["length"] == 3


def test_windows_that_do_not_fit_are_refused():
    with pytest.raises(ArgumentError, match="same number"):
        TimeseriesGenerator(STEPS, STEPS[1:], 3)
    with pytest.raises(ArgumentError, match="smaller `length`"):
        TimeseriesGenerator(STEPS, STEPS, 50)


def test_sampling_table_of_keras():
    # Of the documentation of Keras 2.
    expected = [0.00315225, 0.00315225, 0.00547597, 0.00741556, 0.00912817]
    assert np.allclose(make_sampling_table(5), expected, atol=1e-7)


def test_skipgrams_are_neighbours_and_random_words():
    sequence = [1, 2, 0, 3, 4]
    pairs, labels = skipgrams(sequence, 50, window_size=2, negative_samples=0)
    near = {(1, 2), (2, 1), (2, 3), (3, 2), (3, 4), (4, 3)}
    assert set(map(tuple, pairs)) == near and set(labels) == {1}
    pairs, labels = skipgrams(sequence, 50, 2, 2.0, categorical=True, seed=0)
    assert labels.count([1, 0]) == 2 * labels.count([0, 1]) == 12
    assert all(1 <= b < 50 for _, b in pairs)
    assert skipgrams(sequence, 50, 2, sampling_table=np.zeros(5)) == ([], [])
