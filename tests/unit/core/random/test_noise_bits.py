"""Random bits of dropout and noise: uniform, and no pattern that a test can find."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina import layers
from lamina.core.random import masks
from lamina.core.random.bits import hash_words, noise_bits
from lamina.core.random.masks import bernoulli_mask, dropout, noise
from lamina.core.random.seeds import SeedGenerator

# In standard deviations; the tests below look at a few hundred figures.
FAR = 4.8
STEPS, PLACES = 1024, 512

# The words that a generator hashes: its own seed, the run's, the step, the draw.
STREAMS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "generators": lambda n: hash_words(n, 7, 11, 0),
    "runs": lambda n: hash_words(3, n, 11, 0),
    "steps": lambda n: hash_words(3, 7, n, 0),
    "late steps": lambda n: hash_words(3, 7, n + np.uint32(4e9), 0),
    "draws": lambda n: hash_words(3, 7, 11, n),
}

# Draws of layers and of users outside of training.
OUTSIDE: dict[str, Callable[[SeedGenerator], jax.Array]] = {
    "dropout": lambda seed: dropout(np.ones((64, 256)), 0.5, seed=seed),
    "small dropout": lambda seed: dropout(np.ones((64, 256)), 0.1, seed=seed),
    "mask": lambda seed: bernoulli_mask((64, 256), 0.5, seed),
    "noise": lambda seed: noise((64, 256), "float32", seed),
    "attention": lambda seed: attention_weights(seed),
    "seeds of users": lambda seed: dropout(np.ones((64, 256)), 0.5, seed=seed.next()),
}


def attention_weights(seed: SeedGenerator) -> jax.Array:
    """Weights of attention after its dropout: the values are unit vectors."""
    layer = layers.MultiHeadAttention(
        1, 2, value_dim=128, dropout=0.5, use_bias=False, output_shape=128
    )
    x, units = np.ones((1, 128, 2), "float32"), np.eye(128, dtype="float32")
    layer.build(x.shape, (1, 128, 128), x.shape)
    query, key = layer.get_weights()[:2]
    layer.set_weights([query, key, units[:, None], units[None]])
    layer.seed_generator = seed
    return layer(x, units[None], x, training=True)


@functools.lru_cache(8)
def words(stream: str, count: int = STEPS, places: int = PLACES) -> np.ndarray:
    """Bits of many draws, (count, places)."""
    key = STREAMS[stream]
    each = jax.vmap(lambda n: noise_bits(key(n), (places,)))
    return np.asarray(jax.jit(each)(jnp.arange(count, dtype=jnp.uint32)))


def excess(cells: np.ndarray, count: int) -> float:
    """By how many deviations cells, 0 to `count - 1`, are filled unevenly."""
    filled = np.bincount(cells.ravel(), minlength=count)
    expected = cells.size / count
    freedom = count - 1
    chi_square = ((filled - expected) ** 2 / expected).sum()
    return (chi_square - freedom) / np.sqrt(2 * freedom)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("shift", range(0, 32, 8))
def test_bytes_are_uniform(stream: str, shift: int) -> None:
    values = words(stream) >> shift & 255
    assert abs(excess(values, 256)) < FAR
    for place in (0, 1, 2, 64, PLACES - 1):
        assert abs(excess(values[:, place], 16 * 16)) < FAR
    for draw in (0, 1, 2, 512, STEPS - 1):
        assert abs(excess(values[draw] >> 4, 16)) < FAR


@pytest.mark.parametrize("stream", STREAMS)
def test_each_bit_is_one_with_probability_one_half(stream: str) -> None:
    bits = np.unpackbits(words(stream).view(np.uint8)).reshape(-1, 32)
    far = (bits.mean(0) - 0.5) * 2 * np.sqrt(len(bits))
    assert np.abs(far).max() < FAR


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("distance", [1, 2, 3, 16, 255])
def test_neighbours_are_independent(stream: str, distance: int) -> None:
    for values in (words(stream) >> 28, words(stream) & 15):
        of_places = values[:, distance:] * 16 + values[:, :-distance]
        of_draws = values[distance:] * 16 + values[:-distance]
        assert abs(excess(of_places, 256)) < FAR
        assert abs(excess(of_draws, 256)) < FAR


@pytest.mark.parametrize("first", STREAMS)
@pytest.mark.parametrize("second", STREAMS)
def test_draws_are_uncorrelated_at_any_offset(first: str, second: str) -> None:
    # One long sequence, begun at different points, would show as a peak.
    one, two = (words(s, 41, 4096) / 2.0**32 - 0.5 for s in (first, second))
    spectrum = np.fft.rfft(one[:-1], 8192) * np.fft.rfft(two[1:], 8192).conj()
    figures = np.fft.irfft(spectrum) * 12 / np.sqrt(4096)
    # The largest of 330,000 figures, each of variance 1 at most.
    assert np.abs(figures).max() < 6


@pytest.mark.parametrize("draw", OUTSIDE.values(), ids=OUTSIDE)
def test_draws_outside_of_training_are_uncorrelated(draw) -> None:
    seed = SeedGenerator(5)
    samples = np.stack([np.ravel(draw(seed)).astype("float64") for _ in range(6)])
    others = np.corrcoef(samples)[np.triu_indices(6, 1)]
    assert np.abs(others).max() * np.sqrt(samples.shape[1]) < FAR


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_kept_fractions_are_binomial(rate: float) -> None:
    def count(n: jax.Array) -> jax.Array:
        return bernoulli_mask((PLACES,), rate, STREAMS["steps"](n)).sum()

    kept = np.asarray(jax.jit(jax.vmap(count))(jnp.arange(4000)))
    variance = PLACES * rate * (1 - rate)
    if not variance:
        assert (kept == PLACES * (1 - rate)).all()
        return
    far = (kept.mean() - PLACES * (1 - rate)) / np.sqrt(variance / len(kept))
    assert abs(far) < FAR
    assert abs(kept.var() / variance - 1) < FAR * np.sqrt(2 / len(kept))


def test_noise_is_normal() -> None:
    count = 2_000_000
    sample = np.asarray(noise((count,), "float32", 3), "float64")
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        far = ((sample**power).mean() - moment) / np.sqrt(variance / count)
        assert abs(far) < FAR
    assert 4.5 < np.abs(sample).max() < 6
    # Deciles of the normal distribution.
    edges = [-1.2815516, -0.8416212, -0.5244005, -0.2533471, 0]
    tenth = np.searchsorted([*edges, *[-e for e in edges[-2::-1]]], sample)
    assert abs(excess(tenth, 10)) < FAR


def test_noise_of_extreme_bits_is_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    extremes = jnp.array([0, 2**32 - 1], jnp.uint32)
    monkeypatch.setattr(masks, "noise_bits", lambda key, shape: extremes)
    low, high = noise((2,), "float32", 3)
    assert -6 < float(low) == -float(high) < -4.5
