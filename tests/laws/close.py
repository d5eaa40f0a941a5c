"""Comparison that says which of many arrays differs."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from tests.tables.tolerances import FLOAT32, Tolerance


def assert_close(
    actual: Any, desired: Any, bound: Tolerance = FLOAT32, message: str = ""
) -> None:
    if np.asarray(desired).dtype.kind in "US":
        assert list(actual) == list(desired), message
        return
    np.testing.assert_allclose(
        np.asarray(actual, "float64"),
        np.asarray(desired, "float64"),
        rtol=bound.relative,
        atol=bound.absolute,
        err_msg=message,
    )


def assert_trees_close(actual: Any, desired: Any, bound: Tolerance = FLOAT32) -> None:
    pairs = zip(jax.tree.leaves(actual), jax.tree.leaves(desired), strict=True)
    for i, (left, right) in enumerate(pairs):
        assert np.shape(left) == np.shape(right), f"leaf {i}"
        assert_close(left, right, bound, f"leaf {i}")
