"""Orders of rows: true permutations, and no pattern that a test can find."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina.data.shuffle import permutation, shuffled

SIZES = [*range(1, 40), 100, 314, 1000, 4095, 4096, 4097, 60_000, 10_000_000]


@pytest.mark.parametrize("rows", SIZES)
def test_order_contains_every_row_once(rows: int) -> None:
    order = permutation(3, 5, rows)
    assert np.bincount(order, minlength=rows).tolist().count(1) == rows
    assert order.max() == rows - 1


def test_order_is_a_function_of_seed_and_epoch() -> None:
    np.testing.assert_array_equal(permutation(1, 2, 1000), permutation(1, 2, 1000))
    for other in [(1, 3), (2, 2), (2, 1)]:
        same = permutation(1, 2, 1000) == permutation(*other, 1000)
        assert same.mean() < 0.02


def test_part_of_an_order_can_be_computed_alone() -> None:
    part = shuffled(jnp.arange(500, 600), 60_000, 1, 2)
    np.testing.assert_array_equal(part, permutation(1, 2, 60_000)[500:600])


def test_part_of_ten_million_rows_needs_no_memory() -> None:
    places = jax.ShapeDtypeStruct((32,), jnp.int32)
    compiled = shuffled.lower(places, 10_000_000, 1, 2).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 10_000


@functools.lru_cache(4)
def orders(rows: int, count: int) -> np.ndarray:
    """Many orders: even rows by seed, odd ones by epoch."""
    by_seed = jax.vmap(lambda s: shuffled(jnp.arange(rows), rows, s, 0))
    by_epoch = jax.vmap(lambda e: shuffled(jnp.arange(rows), rows, 7, e))
    numbers = jnp.arange(count // 2)
    return np.concatenate([jax.jit(f)(numbers) for f in (by_seed, by_epoch)])


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
    centred = taken - (rows - 1) / 2
    for distance in (1, 2, 3, rows // 2):
        product = (centred[:, distance:] * centred[:, :-distance]).mean()
        correlation = product / (centred**2).mean() + 1 / (rows - 1)
        assert abs(correlation) < FAR / np.sqrt(count * (rows - distance))
    descents = (np.diff(taken) < 0).sum(axis=1)
    mean, variance = (rows - 1) / 2, (rows + 1) / 12
    assert abs(descents.mean() - mean) < FAR * np.sqrt(variance / count)
    assert abs(descents.var() / variance - 1) < FAR * np.sqrt(2 / count)
    fixed = (taken == np.arange(rows)).sum(axis=1)
    assert abs(fixed.mean() - 1) < FAR / np.sqrt(count)


@pytest.mark.parametrize("rows", [64, 65])
def test_hashes_end_in_a_loop(rows):
    lowered = jax.jit(shuffled, static_argnums=1).lower(np.arange(8), rows, 0, 0)
    assert "stablehlo.while" in lowered.as_text()
