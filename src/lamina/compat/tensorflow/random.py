"""Functions of `tensorflow.random`."""

from __future__ import annotations

from typing import Any

from lamina import random, utils


def set_seed(seed: int) -> None:
    """Seed the random numbers of lamina, NumPy and Python."""
    utils.set_random_seed(int(seed))


def normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, **seed: Any
) -> Any:
    """Return normally distributed numbers."""
    return random.normal(tuple(shape), mean, stddev, dtype, seed.get("seed"))


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, **seed: Any
) -> Any:
    """Return normally distributed numbers within two standard deviations."""
    return random.truncated_normal(tuple(shape), mean, stddev, dtype, seed.get("seed"))


def uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32", **seed: Any
) -> Any:
    """Return uniformly distributed numbers, integers if the type is."""
    if "int" in str(dtype):
        return random.randint(tuple(shape), minval, maxval, dtype, seed.get("seed"))
    maxval = 1.0 if maxval is None else maxval
    return random.uniform(tuple(shape), minval, maxval, dtype, seed.get("seed"))


def shuffle(value: Any, seed: int | None = None, name: Any = None) -> Any:
    """Return the rows in random order."""
    return random.shuffle(value, seed=seed)


def categorical(
    logits: Any, num_samples: int, seed: int | None = None, **_: Any
) -> Any:
    """Return class indices drawn by the logits of each row."""
    return random.categorical(logits, num_samples, seed=seed)
