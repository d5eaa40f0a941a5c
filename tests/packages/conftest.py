"""Packages built on Keras, with lamina as their Keras; skipped where they are missing.

`python -m tools.packages` installs each one and runs its file.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from lamina import compat


@pytest.fixture(autouse=True, scope="module")
def _installed() -> Iterator[None]:
    with compat.installed(quiet=True):
        yield


@pytest.fixture(scope="module")
def classes() -> tuple[np.ndarray, np.ndarray]:
    """Return rows of four numbers, and whether their sum is positive."""
    x = np.random.default_rng(0).normal(size=(96, 4)).astype("float32")
    return x, (x.sum(1) > 0).astype("int32")
