"""Handwritten digits: 1,797 images of 8 by 8 pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lamina.datasets.split import Split, check_test_split, shuffled_split
from lamina.tracebacks import filter_traceback

__all__ = ["load_data"]


def __dir__() -> list[str]:
    return __all__


@filter_traceback
def load_data(test_split: float = 0.2, seed: int = 113) -> Split:
    """Load UCI's handwritten digits (the part of 13 writers), shuffled and split.

    `x` holds images as uint8; a pixel counts the inked dots, 0 to 16, in a block of
    4 by 4 of the scan. `y` holds the digits 0 to 9 as uint8.

    Args:
        test_split: fraction of the rows in the test set.
        seed: seed of the shuffle.

    Shape:
        By default `((1438, 8, 8), (1438,)), ((359, 8, 8), (359,))`.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = lamina.datasets.digits.load_data()
        >>> x_train.shape, x_test.shape
        ((1438, 8, 8), (359, 8, 8))

    Reference:
        E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits,
        UCI Machine Learning Repository, doi:10.24432/C50P49, license CC BY 4.0.
    """
    check_test_split("digits.load_data", test_split)
    path = Path(__file__).with_name("digits.npz")
    with np.load(path, allow_pickle=False) as file:
        return shuffled_split(file["images"], file["labels"], test_split, seed, round)
