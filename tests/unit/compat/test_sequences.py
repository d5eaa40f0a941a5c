"""Windows of series, pairs of words and batches that threads prepare."""

from __future__ import annotations

import itertools
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


class _Rows:
    """Sequence whose rows change at the end of an epoch."""

    epochs = 0

    def __len__(self):
        return 5

    def __getitem__(self, index):
        return 10 * self.epochs + index

    def on_epoch_end(self):
        self.epochs += 1


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("size", [1, 4, 20])
def test_batches_of_a_sequence_are_in_order(workers, size):
    from keras.utils import OrderedEnqueuer

    enqueuer = OrderedEnqueuer(_Rows(), use_multiprocessing=True)
    enqueuer.start(workers, max_queue_size=size)
    assert enqueuer.is_running()
    found = list(itertools.islice(enqueuer.get(), 12))
    enqueuer.stop()
    assert found == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 20, 21]
    assert not enqueuer.is_running() and list(enqueuer.get()) == []


def test_batches_of_a_sequence_at_random_are_each_there_once():
    from keras.utils.data_utils import OrderedEnqueuer

    enqueuer = OrderedEnqueuer(range(100), shuffle=True)
    enqueuer.start(workers=2)
    found = list(itertools.islice(enqueuer.get(), 200))
    enqueuer.stop()
    for epoch in (found[:100], found[100:]):
        assert sorted(epoch) == list(range(100)) != epoch
    assert found[:100] != found[100:]


def test_batches_of_a_generator_end_with_it():
    from keras.utils import GeneratorEnqueuer

    enqueuer = GeneratorEnqueuer((i * i for i in range(7)), wait_time=0.1)
    enqueuer.start(workers=4, max_queue_size=3)
    assert list(enqueuer.get()) == [0, 1, 4, 9, 16, 25, 36]


def test_batch_that_cannot_be_prepared_raises_its_error():
    from keras.utils import GeneratorEnqueuer

    enqueuer = GeneratorEnqueuer(1 // (2 - i) for i in range(5))
    enqueuer.start()
    batches = enqueuer.get()
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(batches)
