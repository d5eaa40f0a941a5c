"""Arrays for the tables: drawn from NumPy's frozen generator, the same for ever."""

from __future__ import annotations

import numpy as np


def floats(*shape: int, low: float = -1.0, high: float = 1.0, seed: int = 0):
    draw = np.random.RandomState(seed).uniform(low, high, shape)
    return draw.astype("float32")


def ints(*shape: int, below: int, low: int = 0, seed: int = 0):
    return np.random.RandomState(seed).randint(low, below, shape).astype("int32")


def bools(*shape: int, seed: int = 0):
    return np.random.RandomState(seed).uniform(size=shape) < 0.6


def probabilities(*shape: int, seed: int = 0):
    """Rows along the last axis that are positive and sum to one."""
    draw = np.random.RandomState(seed).uniform(0.05, 1.0, shape)
    return (draw / draw.sum(-1, keepdims=True)).astype("float32")


def one_hot(*shape: int, seed: int = 0):
    classes = ints(*shape[:-1], below=shape[-1], seed=seed)
    return np.eye(shape[-1], dtype="float32")[classes]


def lengths_mask(lengths: tuple[int, ...], steps: int):
    """A mask of sequences that end early: row i is true for its first steps."""
    return np.arange(steps) < np.asarray(lengths)[:, None]
