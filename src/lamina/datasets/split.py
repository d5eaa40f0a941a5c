"""Address of Keras's files, and functions to shuffle and split datasets."""

from __future__ import annotations

import numpy as np

from lamina.errors import invalid

KERAS_FILES = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def shuffle(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Shuffle rows in the order of Keras for this seed."""
    order = np.random.RandomState(seed).permutation(len(x))
    return x[order], y[order]


def check_test_split(owner: str, test_split: float) -> None:
    if not 0 <= test_split < 1:
        raise invalid(owner, "test_split", test_split, "a number from 0 to below 1")


def split_at(x: np.ndarray, y: np.ndarray, train_rows: int) -> Split:
    return (x[:train_rows], y[:train_rows]), (x[train_rows:], y[train_rows:])
