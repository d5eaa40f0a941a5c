"""Training on several devices equals training on one."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

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
# Neither the rows are a multiple of the batch, nor the batch of the devices.
FIT: dict[str, Any] = {"batch_size": 12, "verbose": 0, "seed": 1}


class Sizes(NamedTuple):
    """Epochs, and numbers of rows. 8 devices have 1, 2, 4 or 8 equal parts of them."""

    epochs: int
    validation: int
    evaluate: int
    predict: tuple[int, ...]
    batches: int
    call: tuple[int, ...]


# Each number of rows is a program, and devices wait for each other many times in each
# step. Neither the parts of rows nor the number of steps concern the kind of model.
ALL_SIZES = Sizes(13, 7, 13, (1, 2, 7, 12, 45), 20, (3, 4))
FEW_SIZES = Sizes(3, 12, 12, (12,), 36, (4,))


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


def results(name: str) -> dict[str, Any]:
    lamina.utils.set_random_seed(3)
    lamina.backend.clear_session()
    x, y = CASES[name].x, CASES[name].y
    model = CASES[name].make()
    sizes = ALL_SIZES if name == "dense" else FEW_SIZES
    held_out = first(sizes.validation, (x, y))
    given = {"epochs": sizes.epochs, "validation_data": held_out}
    history = model.fit(x, y, **given, **FIT)
    calls = [model(x[:n]) for n in sizes.call]
    return {
        **history.history,
        "weights": model.get_weights(),
        "optimizer": [np.asarray(v) for v in model.optimizer.variables],
        "evaluate": model.evaluate(*first(sizes.evaluate, (x, y)), verbose=0),
        "predict": [model.predict(x[:n], verbose=0) for n in sizes.predict],
        "batches": model.predict(x[: sizes.batches], batch_size=12, verbose=0),
        "call": jax.tree.map(np.asarray, calls),
    }


on_one_device = functools.cache(results)


def assert_equal_results(found: Any, expected: Any) -> None:
    jax.tree.map(lambda a, b: assert_allclose(a, b, **TOLERANCE), found, expected)


KINDS = ("data 3", "data 8", "fully", "by model", "fully by model")
FEW = ("data 3", "fully", "by model")


@pytest.mark.parametrize(
    ("name", "kind"),
    [(n, k) for n in CASES for k in (KINDS if n == "dense" else FEW)],
)
def test_training_equals_that_on_one_device(name: str, kind: str) -> None:
    with distribution_of(kind, CASES[name]).scope():
        found = results(name)
    assert_equal_results(found, on_one_device(name))


def test_one_device_gives_the_same_bits() -> None:
    with DataParallel(devices=["cpu:0"]).scope():
        found = results("convolutional")
    expected = on_one_device("convolutional")
    jax.tree.map(np.testing.assert_array_equal, found, expected)
