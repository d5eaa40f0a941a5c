"""Lazy data sets: operations, orders, and use in training."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamina
from lamina import errors, layers
from lamina.data.pipeline.dataset import Dataset
from lamina.data.pipeline.items import EpochKey

KEY = EpochKey(3, 0)


def numbers(count: int = 10) -> Dataset:
    return Dataset(count, lambda _, i: np.int32(i))


def values(dataset: Dataset, key: EpochKey = KEY) -> list[Any]:
    return [np.asarray(item).tolist() for item in dataset.items(key)]


OPERATIONS: dict[str, tuple[Callable[[Dataset], Dataset], list[Any]]] = {
    "map": (lambda d: d.map(lambda x: x * x), [i * i for i in range(10)]),
    "map in threads": (lambda d: d.map(lambda x: -x, 3), [-i for i in range(10)]),
    "batch": (lambda d: d.batch(4), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]),
    "full batches": (lambda d: d.batch(4, True), [[0, 1, 2, 3], [4, 5, 6, 7]]),
    "unbatch": (lambda d: d.batch(4).unbatch(), list(range(10))),
    "unbatch of full batches": (lambda d: d.batch(4, True).unbatch(), list(range(8))),
    "unbatch of mapped": (
        lambda d: d.batch(4).map(lambda x: 2 * x).unbatch().batch(6),
        [[0, 2, 4, 6, 8, 10], [12, 14, 16, 18]],
    ),
    "take": (lambda d: d.take(3), [0, 1, 2]),
    "take more": (lambda d: d.take(30), list(range(10))),
    "take all": (lambda d: d.take(-1), list(range(10))),
    "skip": (lambda d: d.skip(7), [7, 8, 9]),
    "skip all": (lambda d: d.skip(-1), []),
    "skip more": (lambda d: d.skip(11), []),
    "repeat": (lambda d: d.skip(8).repeat(3), [8, 9] * 3),
    "endless": (lambda d: d.skip(8).repeat().skip(1).take(4), [9, 8, 9, 8]),
    "endless batches": (lambda d: d.repeat().batch(4).skip(2).take(1), [[8, 9, 0, 1]]),
    "endless skipped": (lambda d: d.repeat().skip(-1), []),
    "nothing repeated": (lambda d: d.take(0).repeat(), []),
    "cache": (lambda d: d.cache(), list(range(10))),
    "prefetch": (lambda d: d.prefetch(-1), list(range(10))),
    "unbatch of prefetched": (lambda d: d.batch(3).prefetch(2).unbatch(), [*range(10)]),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_returns_items(name: str) -> None:
    operation, expected = OPERATIONS[name]
    dataset = operation(numbers())
    assert values(dataset) == expected
    assert len(dataset) == dataset.cardinality() == len(expected)
    assert [np.asarray(dataset[i]).tolist() for i in range(len(dataset))] == expected
    for first in range(len(expected) + 1):
        rest = [np.asarray(v).tolist() for v in dataset.items(KEY, first)]
        assert rest == expected[first:]


def test_infinite_data_sets_have_no_length() -> None:
    endless = numbers().repeat()
    assert endless.cardinality() == -1 and endless[23] == 3
    assert [int(v) for v in itertools.islice(endless, 12)][-2:] == [0, 1]
    with pytest.raises(TypeError, match=r"take\(count\)"):
        len(endless)
    for refused in (endless.batch(2).map(len).unbatch, endless.shuffle):
        with pytest.raises((TypeError, ValueError), match="infinite"):
            refused()


def test_structures_are_kept() -> None:
    pairs = numbers(4).map(lambda x: ({"a": x, "b": np.ones(2) * x}, x))
    x, y = next(iter(pairs.batch(4)))
    assert x["a"].tolist() == y.tolist() == [0, 1, 2, 3] and x["b"].shape == (4, 2)
    assert pairs.map(lambda x, y: x["a"] + y).batch(4)[0].tolist() == [0, 2, 4, 6]
    row = pairs.batch(3).map(lambda x, y: (x, y)).unbatch()[3]
    assert row[0]["b"].tolist() == [3, 3] and row[1] == 3
    words = numbers(3).map(lambda x: "ab"[: int(x)]).batch(3)[0]
    assert words.tolist() == ["", "a", "ab"] and words.dtype == object
    assert isinstance(words[1], str)


def test_batches_of_different_items_are_refused() -> None:
    with pytest.raises(errors.DataError, match=r"shapes \(0,\) and \(1,\)"):
        _ = numbers(2).map(lambda x: np.zeros(int(x))).batch(2)[0]
    with pytest.raises(errors.DataError, match="differ"):
        _ = numbers(2).map(lambda x: {"a": x} if x else x).batch(2)[0]
    mixed = numbers(2).map(lambda x: x if x == 0 else 0.5).batch(2)[0]
    assert mixed.tolist() == [0, 0.5]


def test_padded_batches_have_one_shape() -> None:
    rows = numbers(3).map(lambda x: (np.full((int(x), 2), 7.0, "float32"), x))
    (x, y), (last, _) = rows.padded_batch(2)
    assert x.tolist() == [[[0, 0]], [[7, 7]]] and y.tolist() == [0, 1]
    assert last.shape == (1, 2, 2) and last.dtype == np.float32


def test_unbatch_refuses_batches_that_lost_rows() -> None:
    with pytest.raises(errors.DataError, match="batch 0 has 1 rows instead of 4"):
        values(numbers().batch(4).map(lambda x: x[:1]).unbatch())


def test_each_epoch_has_another_order() -> None:
    shuffled = numbers(20).shuffle(buffer_size=5)
    orders = [values(shuffled, EpochKey(3, epoch)) for epoch in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[1]) == list(range(20)) != orders[1]
    assert values(shuffled, EpochKey(4, 0)) != orders[0]
    fixed = numbers(20).shuffle(seed=7, reshuffle_each_iteration=False)
    assert values(fixed) == values(fixed, EpochKey(1, 5))
    assert values(shuffled.repeat(2)) == orders[0] + orders[1]
    assert (
        values(shuffled.repeat(2), EpochKey(3, 1))[:3]
        == values(shuffled, EpochKey(3, 2))[:3]
    )
    assert [list(shuffled) for _ in range(2)][0] != list(shuffled)


def test_iterations_over_derived_data_sets_are_epochs() -> None:
    shuffled = numbers(50).shuffle(seed=1)
    first = [int(next(iter(shuffled.take(1)))) for _ in range(4)]
    again = numbers(50).shuffle(seed=1)
    assert first == [int(next(iter(again))) for _ in range(4)]
    assert len(set(first)) > 1


def test_cached_items_are_computed_once() -> None:
    calls: list[int] = []
    cached = numbers(5).map(lambda x: calls.append(int(x)) or x).cache().shuffle()
    for epoch in range(3):
        assert sorted(values(cached, EpochKey(0, epoch))) == list(range(5))
    assert sorted(values(cached, EpochKey(7, 0))) == list(range(5))
    assert sorted(calls) == list(range(5))


def test_cached_batches_in_random_order_have_rows() -> None:
    rows = numbers(9).batch(4).shuffle().cache().unbatch()
    for seed, epoch in ((3, 2), (3, 1), (4, 0)):
        assert sorted(values(rows, EpochKey(seed, epoch))) == list(range(9))


def test_rows_of_mapped_batches_are_shuffled_in_windows() -> None:
    calls: list[int] = []
    batches = numbers(40).batch(4).map(lambda x: calls.append(int(x[0])) or x, 2)
    rows = batches.unbatch().shuffle(10)
    found = values(rows)
    assert [sorted(found[i : i + 10]) for i in range(0, 40, 10)] == [
        list(range(i, i + 10)) for i in range(0, 40, 10)
    ]
    assert found != sorted(found) and values(rows, EpochKey(3, 1)) != found
    assert len(calls) < 4 * 10


def test_random_layers_draw_by_epoch_and_item() -> None:
    noise = layers.GaussianNoise(1.0, seed=1)
    ones = numbers(6).map(lambda x: np.ones(2, "float32"))
    noisy = ones.map(lambda x: noise(x, training=True), num_parallel_calls=3)
    first = values(noisy)
    assert first == values(noisy) and len({tuple(v) for v in first}) == 6
    assert first[2:] == [np.asarray(v).tolist() for v in noisy.items(KEY, 2)]
    assert first != values(noisy, EpochKey(3, 1)) and first != values(
        noisy, EpochKey(4, 0)
    )


def test_threads_compute_items_together() -> None:
    barrier = threading.Barrier(2, timeout=20)
    assert values(numbers(2).map(lambda x: (barrier.wait(), x)[1], 2)) == [0, 1]


def test_error_of_a_function_is_raised() -> None:
    failing = numbers(4).map(lambda x: 1 // (2 - int(x)), 2)
    with pytest.raises(ZeroDivisionError):
        list(failing)


def test_element_spec_has_shapes_and_types() -> None:
    pairs = numbers(3).map(lambda x: (np.zeros((2, 3)), "a"))
    assert repr(pairs) == ("<Dataset: 3 items, element_spec=(float64[2, 3], str[])>")
    assert repr(pairs.batch(2)) == (
        "<Dataset: 2 items, element_spec=(float64[None, 2, 3], str[None])>"
    )
    assert numbers().element_spec.shape == ()
    assert list(numbers(2).as_numpy_iterator()) == [0, 1]
    assert "infinite" in repr(numbers().repeat())


@pytest.mark.parametrize(
    "call",
    [
        lambda d: d.batch(0),
        lambda d: d.batch(2.0),
        lambda d: d.take(-2),
        lambda d: d.skip("1"),
        lambda d: d.repeat(1.5),
        lambda d: d.shuffle(10, seed="a"),
        lambda d: d.shuffle(10, seed=2**63),
        lambda d: d.map(len, num_parallel_calls="all"),
        lambda d: d.cache("file"),
        lambda d: d.prefetch(None),
    ],
)
def test_invalid_arguments_are_refused(call: Callable[[Dataset], Any]) -> None:
    with pytest.raises(errors.ArgumentError, match="Received"):
        call(numbers())


X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def rows() -> Dataset:
    return Dataset(40, lambda _, i: (X[i], Y[i]))


def model() -> lamina.Model:
    lamina.random.set_seed(0)
    model = lamina.Sequential([lamina.Input((3,)), layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def test_fit_evaluate_and_predict_read_all_batches() -> None:
    expected, found = model(), model()
    history = expected.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    batches = rows().batch(8).prefetch(2)
    same = found.fit(batches, epochs=2, verbose=0, validation_data=batches)
    np.testing.assert_allclose(same.history["loss"], history.history["loss"], rtol=1e-5)
    loss = expected.evaluate(X, Y, batch_size=8, verbose=0)
    assert found.evaluate(batches, verbose=0) == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(
        found.predict(batches, verbose=0), expected.predict(X, verbose=0), rtol=1e-4
    )


def test_epochs_of_some_steps_continue_the_data() -> None:
    seen: list[int] = []
    batches = numbers(10).map(lambda x: (np.ones(3), np.ones(1) * x)).batch(2)
    batches = batches.map(lambda x, y: (seen.append(int(y[0, 0])), (x, y))[1])
    model().fit(batches, steps_per_epoch=3, epochs=3, verbose=0)
    order = [0, 2, 4, 6, 8] * 2
    assert [v for v, _ in itertools.groupby(seen)][:9] == order[:9]
    with pytest.warns(UserWarning, match="fewer than the 9 steps"):
        model().fit(batches, steps_per_epoch=9, verbose=0)
    with pytest.raises(errors.DataError, match="is infinite"):
        model().fit(batches.repeat(), verbose=0)


def test_adapt_reads_batches() -> None:
    normalization = layers.Normalization()
    normalization.adapt(rows().batch(7).map(lambda x, y: x))
    np.testing.assert_allclose(normalization.mean[0], X.mean(0), atol=1e-6)


def test_class_names_are_inherited() -> None:
    named = numbers()
    named.class_names = ["a", "b"]
    assert named.shuffle().batch(2).map(lambda x: x).class_names == ["a", "b"]
    assert named.take(1).file_paths is None
