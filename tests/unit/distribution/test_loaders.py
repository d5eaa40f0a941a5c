"""Loaders of other packages, split by process, give each row once an epoch."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tests.unit.distribution.processes.program import QUIET, X, Y, model
from tests.unit.distribution.test_processes import Launch, assert_close

PROGRAM = Path(__file__).parent / "processes" / "loaders.py"
BATCHES = np.arange(48).reshape(6, 8)
# Rows in the order of batches: processes take every second one, or a half.
STRIDED = np.concatenate([BATCHES[:, ::2], BATCHES[:, 1::2]], axis=1).ravel()
HALVES = np.arange(48).reshape(2, 6, 4).swapaxes(0, 1).ravel()
PACKAGES = {
    "torch": {"torch": STRIDED},
    "grain": {
        "grain_map": STRIDED,
        "grain_iterator": STRIDED,
        "grain_loader": HALVES,
    },
    "tensorflow": {"tensorflow": STRIDED},
}


def on_arrays(order: np.ndarray) -> dict[str, Any]:
    """Return what one process finds with the same rows in the same batches."""
    x, y, one = X[order], Y[order], model()
    fit = {"batch_size": 8, "epochs": 2, "shuffle": False, **QUIET}
    history = one.fit(x, y, validation_data=(x, y), **fit)
    return {**history.history, "weights": one.get_weights()}


@pytest.mark.parametrize("package", PACKAGES)
def test_two_processes_with_a_loader_train_as_one(package: str, tmp_path: Path) -> None:
    if find_spec(package) is None:
        pytest.skip(f"needs {package}")
    orders = PACKAGES[package]
    launch = Launch("DataParallel", 2, tmp_path / "run", ",".join(orders), PROGRAM)
    first, second = launch.results()
    for name, order in orders.items():
        expected = on_arrays(order)
        for found in (first[name], second[name]):
            assert_close({key: found[key] for key in expected}, expected)
            # A process predicts its own rows.
            assert found["own"].shape == (24, 4)
        seen = np.concatenate([first[name]["seen"], second[name]["seen"]])
        assert_array_equal(np.sort(seen, axis=0), np.sort(X, axis=0))
        assert_allclose(first[name]["loss"], second[name]["loss"])
