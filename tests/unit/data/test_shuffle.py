"""Orders of rows: true permutations, and no pattern that a test can find."""

from __future__ import annotations

import functools
import tracemalloc
import zlib

import numpy as np
import pytest

import lamina
from lamina.data import shuffle
from lamina.data.shuffle import OrderWindows, permutation, shuffled

SIZES = [*range(1, 40), 100, 314, 1000, 4095, 4096, 4097, 60_000, 10_000_000]


@pytest.mark.parametrize("rows", SIZES)
def test_order_contains_every_row_once(rows: int) -> None:
    order = permutation(3, 5, rows)
    assert len(order) == rows and (np.bincount(order, minlength=rows) == 1).all()
    assert order.max() == rows - 1


def test_order_is_a_function_of_seed_and_epoch() -> None:
    np.testing.assert_array_equal(permutation(1, 2, 1000), permutation(1, 2, 1000))
    for other in [(1, 3), (2, 2), (2, 1)]:
        same = permutation(1, 2, 1000) == permutation(*other, 1000)
        assert same.mean() < 0.02


# Seed, epoch and rows of runs that must be resumed by later releases.
@pytest.mark.parametrize(
    ("rows", "seed", "epoch", "checksum"),
    [
        (12, 0, 0, 3124475137),
        (314, 7, 3, 1214120769),
        (4097, 4294967295, 12345, 1242564748),
        (60000, 123456789, 2147483648, 1313262323),
    ],
)
def test_orders_stay_the_same(rows: int, seed: int, epoch: int, checksum: int) -> None:
    assert zlib.crc32(permutation(seed, epoch, rows).tobytes()) == checksum


@pytest.mark.parametrize(("start", "count"), [(0, 0), (500, 100), (59_000, 1000)])
def test_part_of_an_order_can_be_computed_alone(start: int, count: int) -> None:
    part = shuffled(start, count, 60_000, 1, 2)
    np.testing.assert_array_equal(part, permutation(1, 2, 60_000)[start:][:count])


def test_part_of_ten_million_rows_needs_little_memory() -> None:
    tracemalloc.start()
    shuffled(9_000_000, 32, 10_000_000, 1, 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500_000  # bytes; the whole order has 40 million


@pytest.mark.parametrize(
    ("rows", "stride", "batch"),
    [(10, 3, 0), (10, 3, 3), (300_000, 1000, 131), (300_000, 1000, 299), (7, 100, 0)],
)
def test_windows_have_the_orders_of_their_epochs(
    rows: int, stride: int, batch: int
) -> None:
    windows = OrderWindows(rows, stride, 1)
    for epoch, epochs in ((3, 1), (4, min(windows.epochs, 5)), (2, 1), (3, 1)):
        found = windows.at(7, epoch, batch, epochs)
        windows.prepare()
        assert found.rows.shape == (windows.epochs * windows.positions,)
        assert found.epoch <= epoch
        assert epoch + epochs <= found.epoch + found.epochs
        for number in range(epoch, epoch + epochs):
            first = (number - found.epoch) * windows.positions - found.start
            places = np.arange(batch * stride, min((batch + 1) * stride, rows))
            expected = permutation(7, number, rows)[places]
            np.testing.assert_array_equal(found.rows[first + places], expected)


def test_windows_that_follow_one_another_have_more_epochs() -> None:
    windows, counts = OrderWindows(10, 5, 1), []
    for epoch in range(200):
        counts.append(windows.at(7, epoch, 0).epochs)
        windows.prepare()
    assert list(dict.fromkeys(counts)) == [1, 2, 4, 8, 16, 32, 64, 128]


def weights_after_fit() -> list[np.ndarray]:
    lamina.random.set_seed(3)
    model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(314, 2)).astype("float32")
    model.fit(x, x.sum(axis=1), batch_size=4, epochs=5, verbose=0, seed=1)
    return model.get_weights()


@pytest.mark.parametrize("window", [1, 314, 700])
def test_training_does_not_depend_on_the_window(
    monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    expected = weights_after_fit()
    monkeypatch.setattr(shuffle, "_WINDOW", window)
    shuffle._shared_windows.cache_clear()
    try:
        found = weights_after_fit()
    finally:
        shuffle._shared_windows.cache_clear()
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a, b)


@functools.lru_cache(4)
def orders(rows: int, count: int) -> np.ndarray:
    """Many orders: half of them by seed, half by epoch."""
    numbers = range(count // 2)
    by_seed = [permutation(seed, 0, rows) for seed in numbers]
    return np.stack(by_seed + [permutation(7, epoch, rows) for epoch in numbers])


# In standard deviations; the tests below look at about a hundred figures.
FAR = 4.5


def chi_square(cells: np.ndarray, expected: np.ndarray) -> float:
    """Return the chi-squared statistic per degree of freedom, minus one."""
    counts = np.bincount(cells, minlength=len(expected))
    freedom = len(expected) - 1
    return ((counts - expected) ** 2 / expected).sum().item() / freedom - 1


@pytest.mark.parametrize("rows", [5, 12, 100, 314])
@pytest.mark.parametrize("place", [0, 1, -1])
def test_each_row_is_uniform_over_positions(rows: int, place: int) -> None:
    taken = orders(rows, 8000)
    bins = min(rows, 10)
    share = np.bincount(np.arange(rows) * bins // rows) / rows
    far = chi_square(taken[:, place] * bins // rows, share * len(taken))
    assert abs(far) < FAR * np.sqrt(2 / (bins - 1))


@pytest.mark.parametrize("rows", [100, 314, 5000])
@pytest.mark.parametrize("pair", [(0, 1), (1, 2), (0, 50), (17, 99)])
def test_two_positions_are_independent(rows: int, pair: tuple[int, int]) -> None:
    taken = orders(rows, 4000)
    first, second = (taken[:, p] * 5 // rows for p in pair)
    far = chi_square(first * 5 + second, np.full(25, len(taken) / 25))
    assert abs(far) < FAR * np.sqrt(2 / 24) + 25 / rows


@pytest.mark.parametrize("rows", [12, 100, 314, 60_000])
def test_neighbours_descents_and_fixed_rows(rows: int) -> None:
    taken = orders(rows, 4000 if rows < 1000 else 100).astype(float)
    count = len(taken)
    centered = taken - (rows - 1) / 2
    for distance in (1, 2, 3, rows // 2):
        product = (centered[:, distance:] * centered[:, :-distance]).mean()
        correlation = product / (centered**2).mean() + 1 / (rows - 1)
        assert abs(correlation) < FAR / np.sqrt(count * (rows - distance))
    descents = (np.diff(taken) < 0).sum(axis=1)
    mean, variance = (rows - 1) / 2, (rows + 1) / 12
    assert abs(descents.mean() - mean) < FAR * np.sqrt(variance / count)
    assert abs(descents.var() / variance - 1) < FAR * np.sqrt(2 / count)
    fixed = (taken == np.arange(rows)).sum(axis=1)
    assert abs(fixed.mean() - 1) < FAR / np.sqrt(count)
