"""Distributions that do not fit are refused, with the nearest one that does."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lamina.distribution import (
    DataParallel,
    DeviceMesh,
    FullySharded,
    LayoutMap,
    ModelParallel,
    TensorLayout,
    set_distribution,
)
from lamina.errors import AdviceWarning, LaminaError, LikelyMistakeWarning
from tests.unit.distribution.eight_devices.models import CLASSES, VECTORS, dense

pytestmark = pytest.mark.filterwarnings("ignore:.*equal parts")


def mesh() -> DeviceMesh:
    return DeviceMesh((2, 4), ["batch", "model"])


def fit(**layouts: Any) -> Any:
    found = LayoutMap(mesh())
    found.update({key.replace("__", "/"): axes for key, axes in layouts.items()})
    with ModelParallel(layout_map=found).scope():
        dense().fit(VECTORS, CLASSES, verbose=0)


def on(devices: Any) -> Any:
    return dense().fit(VECTORS, CLASSES, verbose=0, devices=devices)


CASES: dict[str, tuple[Any, str]] = {
    "more than the machine": (
        lambda: DeviceMesh((4, 4), ["a", "b"]),
        "needs 16 devices, but there are 8",
    ),
    "fewer than all": (lambda: DeviceMesh((4,), ["a"]), r"list_devices\(\)\[:4\]"),
    "given devices": (
        lambda: DeviceMesh((4,), ["a"], ["cpu:0"]),
        "needs 4 devices, but `devices` has 1",
    ),
    "names": (lambda: DeviceMesh((8,), ["a", "b"]), "need the same length"),
    "same names": (lambda: DeviceMesh((2, 4), ["a", "a"]), "different names"),
    "no device": (
        lambda: set_distribution(DataParallel(devices=["cpu:9"])),
        "cpu:7. Received.*'cpu:9'",
    ),
    "no device of fit": (lambda: on(["cpu:9"]), "cpu:7. Received.*'cpu:9'"),
    "axis": (lambda: TensorLayout(["modle"], mesh()), "Did you mean 'model'"),
    "second mesh": (
        lambda: setattr(TensorLayout(["model"], mesh()), "device_mesh", mesh()),
        "has a mesh already",
    ),
    "no mesh": (lambda: TensorLayout(["a"]).backend_layout, "pass `device_mesh=`"),
    "no map": (lambda: ModelParallel(), "must be a LayoutMap"),
    "batch axis": (
        lambda: ModelParallel(layout_map=LayoutMap(mesh()), batch_dim_name="data"),
        "one of",
    ),
    "two meshes": (
        lambda: FullySharded(mesh(), layout_map=LayoutMap(mesh())),
        "pass no other",
    ),
    "not a distribution": (lambda: set_distribution(mesh()), "must be a Distribution"),
    "key without variable": (
        lambda: fit(danse__kernel=(None, "model")),
        "matches nothing in the model.*Did you mean 'dense",
    ),
    "rank": (lambda: fit(**{".*kernel": ("model",)}), "has 1 axes.*shape"),
    "pattern": (lambda: fit(**{"(": ("model",)}), "a regular expression"),
    "devices of fit": (lambda: on(9), "a number up to 8"),
    "name in devices": (lambda: on("gpu"), "'all', a number"),
    "empty devices": (lambda: on([]), "at least one device"),
}


@pytest.mark.parametrize("name", CASES)
def test_is_refused(name: str) -> None:
    function, message = CASES[name]
    with pytest.raises(LaminaError, match=re.compile(message, re.DOTALL)):
        function()


def test_batch_that_does_not_divide_is_told() -> None:
    with pytest.warns(AdviceWarning, match="as fast as 1 of them. Pass batch_size=8"):
        dense().fit(VECTORS, CLASSES, batch_size=15, verbose=0, devices=8)


def test_key_that_matches_nothing_is_told() -> None:
    with pytest.warns(LikelyMistakeWarning, match="Did you mean 'dense.*kernel'"):
        fit(**{".*kernel": (None, "model"), "dense/kernels": (None, "model")})


def test_undividable_size_names_another_dimension() -> None:
    layout = TensorLayout([None, "model"], mesh())
    with pytest.raises(
        LaminaError, match=r"Split another dimension: \('model', None\)"
    ):
        layout.check_shape("kernel", (8, 6))
    with pytest.raises(LaminaError, match="Use the size 8, or do not split"):
        layout.check_shape("kernel", (3, 6))
