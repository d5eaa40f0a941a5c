"""Shuffling and splitting of datasets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lamina.errors import invalid

Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def check_test_split(owner: str, test_split: float) -> None:
    if not 0 <= test_split < 1:
        raise invalid(owner, "test_split", test_split, "a number from 0 to below 1")


def split_at(x: np.ndarray, y: np.ndarray, train_rows: int) -> Split:
    return (x[:train_rows], y[:train_rows]), (x[train_rows:], y[train_rows:])


def shuffled_split(
    x: np.ndarray,
    y: np.ndarray,
    test_split: float,
    seed: int,
    to_int: Callable[[float], int] = int,
) -> Split:
    """Shuffle rows in the order of Keras for this seed, and split them."""
    order = np.random.RandomState(seed).permutation(len(x))
    return split_at(x[order], y[order], to_int(len(x) * (1 - test_split)))
