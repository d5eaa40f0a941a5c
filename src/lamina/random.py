"""Seeds and random samples."""

from __future__ import annotations

from lamina.core.random.masks import dropout
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
from lamina.core.random.seeds import SeedGenerator, set_seed

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "set_seed",
    "shuffle",
    "truncated_normal",
    "uniform",
]


def __dir__() -> list[str]:
    return __all__
