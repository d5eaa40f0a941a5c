"""Comparison that says which of many arrays differs, and of whole computations."""

from __future__ import annotations

import re
from typing import Any

import jax
import numpy as np

from tests.oracles.observe import is_float, values
from tests.tables.tolerances import FLOAT32, Tolerance


def assert_close(
    actual: Any, desired: Any, bound: Tolerance = FLOAT32, message: str = ""
) -> None:
    if np.asarray(desired).dtype.kind in "US":
        assert np.asarray(actual).tolist() == np.asarray(desired).tolist(), message
        return
    assert np.shape(actual) == np.shape(desired), message
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
        assert_close(left, right, bound, f"leaf {i}")


def program(layer, case):
    """The layer's computation as text and constants: equal programs, equal results."""
    call = lambda *args: layer.stateless_call(*args, **case.call)  # noqa: E731
    jaxpr = jax.make_jaxpr(call)(
        values(layer.trainable_variables),
        values(layer.non_trainable_variables),
        case.argument,
    )
    constants = [c for c in jaxpr.consts if is_float(c)]
    return re.sub("0x[0-9a-f]+", "", str(jaxpr)), jax.tree.map(str, constants)
