"""Seeds and samples: what `lamina.core.random` defines, for users."""

from __future__ import annotations

from lamina.core.random import (
    SeedGenerator,
    categorical,
    dropout,
    normal,
    randint,
    set_seed,
    shuffle,
    truncated_normal,
    uniform,
)

__all__ = [
    "SeedGenerator",
    "categorical",
    "dropout",
    "normal",
    "randint",
    "set_seed",
    "shuffle",
    "truncated_normal",
    "uniform",
]
