"""Training on several devices equals training on one."""

from __future__ import annotations

import functools
from typing import Any

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose

import lamina
from lamina.distribution import (
    DataParallel,
    DeviceMesh,
    Distribution,
    FullySharded,
    LayoutMap,
    ModelParallel,
    list_devices,
)
from tests.unit.distribution.eight_devices.models import CASES, Case

pytestmark = pytest.mark.filterwarnings("ignore:.*equal parts")

# Sums of parts round otherwise than the sum of the whole.
TOLERANCE = {"rtol": 2e-4, "atol": 2e-5}
# 52 steps. Neither the rows are a multiple of the batch, nor the batch of the devices.
FIT: dict[str, Any] = {"batch_size": 12, "epochs": 13, "verbose": 0, "seed": 1}
# 8 devices have 1, 2 or 4 equal parts of them.
ROWS = (1, 2, 7, 12, 45)


def distribution_of(kind: str, case: Case) -> Distribution:
    if kind.startswith("data"):
        return DataParallel(devices=list_devices()[: int(kind[-1])])
    if kind == "fully":
        return FullySharded()
    layouts = LayoutMap(DeviceMesh((2, 4), ["batch", "model"]))
    layouts.update(case.layouts)
    if kind == "fully by model":
        return FullySharded(layout_map=layouts)
    return ModelParallel(layout_map=layouts)


def first(rows: int, tree: Any) -> Any:
    return jax.tree.map(lambda a: a[:rows], tree)


def results(case: Case) -> dict[str, Any]:
    lamina.utils.set_random_seed(3)
    lamina.backend.clear_session()
    model = case.make()
    held_out = first(7, (case.x, case.y))
    history = model.fit(case.x, case.y, validation_data=held_out, **FIT)
    return {
        **history.history,
        "weights": model.get_weights(),
        "optimizer": [np.asarray(v) for v in model.optimizer.variables],
        "evaluate": model.evaluate(*first(13, (case.x, case.y)), verbose=0),
        "predict": [model.predict(case.x[:n], verbose=0) for n in ROWS],
        "batches": model.predict(case.x, batch_size=8, verbose=0),
        "call": [np.asarray(jax.tree.leaves(model(case.x[:n]))[0]) for n in (3, 4)],
    }


@functools.cache
def on_one_device(name: str) -> dict[str, Any]:
    return results(CASES[name])


def assert_equal_results(found: Any, expected: Any) -> None:
    jax.tree.map(lambda a, b: assert_allclose(a, b, **TOLERANCE), found, expected)


KINDS = ("data 2", "data 3", "data 8", "fully", "by model", "fully by model")
FEW = ("data 3", "fully", "by model")


@pytest.mark.parametrize(
    ("name", "kind"),
    [(n, k) for n in CASES for k in (KINDS if n == "dense" else FEW)],
)
def test_training_equals_that_on_one_device(name: str, kind: str) -> None:
    case = CASES[name]
    with distribution_of(kind, case).scope():
        found = results(case)
    assert_equal_results(found, on_one_device(name))


def test_one_device_gives_the_same_bits() -> None:
    with DataParallel(devices=["cpu:0"]).scope():
        found = results(CASES["convolutional"])
    expected = on_one_device("convolutional")
    jax.tree.map(np.testing.assert_array_equal, found, expected)
