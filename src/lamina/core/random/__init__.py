"""Random seeds, samples and dropout."""

from __future__ import annotations

from lamina.core.random.bits import bits_at, hash_words, noise_bits
from lamina.core.random.masks import (
    apply_dropout_mask,
    bernoulli_mask,
    dropout,
    noise,
)
from lamina.core.random.samplers import (
    beta,
    binomial,
    categorical,
    gamma,
    normal,
    randint,
    shuffle,
    truncated_normal,
    uniform,
)
from lamina.core.random.seeds import SeedGenerator, draw_seed, make_seed, set_seed

__all__ = [
    "SeedGenerator",
    "apply_dropout_mask",
    "bernoulli_mask",
    "beta",
    "binomial",
    "bits_at",
    "categorical",
    "draw_seed",
    "dropout",
    "gamma",
    "hash_words",
    "make_seed",
    "noise",
    "noise_bits",
    "normal",
    "randint",
    "set_seed",
    "shuffle",
    "truncated_normal",
    "uniform",
]
