"""Records of variables and calls in a file can do no harm.

A class of the user's is at hand each time: only for such ones is it read.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.saving import register_keras_serializable
from tests.security.harmless import harmless, refused
from tests.security.hostile import zipped
from tests.tables.cases import named


def held() -> Any:
    """A compiled model of a registered class, with a weight that only a file knows."""

    @register_keras_serializable()
    class Held(lamina.Model):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.out, self.table = layers.Dense(2, name="out"), None

        def call(self, inputs: Any) -> Any:
            out = self.out(inputs)
            return out if self.table is None else out * self.table

    model = Held(name="held")
    model.table = model.add_weight((2,), "ones", name="table")
    model(np.ones((1, 4), "f4"))
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def members() -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "held.keras"
        held().save(path)
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def array(*shape: Any, dtype: Any = "float32") -> dict[str, Any]:
    return {"args": [{"array": [list(shape), dtype]}], "kwargs": {}}


class Row(NamedTuple):
    """A value at a place of `metadata.json`, and why the file is refused."""

    name: str
    place: tuple[str, ...]
    value: Any
    reason: str


CALL, RECORD, ORDER = ("calls", ""), ("variables", "vars/0"), ("optimizers",)
DAMAGED = "damaged"
ROWS = [
    Row("call:huge", CALL, array(2**50), "would be an array of shape"),
    Row("call:negative", CALL, array(-1, 4), "call spec of a layer"),
    Row("call:fraction", CALL, array("4"), "call spec of a layer"),
    Row("call:infinite", CALL, array(float("inf")), "call spec of a layer"),
    Row("call:objects", CALL, array(4, dtype="object"), "call spec of a layer"),
    Row("call:dtype_is_no_text", CALL, array(4, dtype=["i4"]), "call spec of a layer"),
    Row("call:class", CALL, {"args": [{"class_name": "Lambda"}], "kwargs": {}},
        "call spec of a layer"),
    Row("call:two_kinds", CALL, {"args": [{"list": [], "dict": {}}], "kwargs": {}},
        "call spec of a layer"),
    Row("call:value_of_a_list", CALL, {"args": [{"value": [1]}], "kwargs": {}},
        "call spec of a layer"),
    Row("call:no_args", CALL, {"kwargs": {}}, "call spec of a layer"),
    Row("call:many", CALL,
        {"args": [{"list": [{"value": 1}] * 100_000}], "kwargs": {}},
        "call spec of a layer"),
    Row("call:no_dictionary", CALL, 7, "call spec of a layer"),
    Row("calls:no_dictionary", ("calls",), [1], DAMAGED),
    Row("record:no_path", RECORD, {}, "printable string"),
    Row("record:path_is_a_list", RECORD, {"path": ["held"]}, "printable string"),
    Row("record:terminal", RECORD, {"path": "held/\x1b[2J"}, "printable string"),
    Row("record:long", RECORD, {"path": "a" * 10**6}, "printable string"),
    Row("record:no_dictionary", RECORD, "held/table", "printable string"),
    Row("records:no_dictionary", ("variables",), [1], DAMAGED),
    *[
        Row(f"attribute:{name}", RECORD,
            {"path": "held/table", "attribute": name, "trainable": True},
            "unexpected")
        for name in ("__class__", "__dict__", "call", "weights", "built", "_graph",
                     "_tracker", "out", "a.b", "", "name", "layers", "optimizer",
                     "activity_regularizer", "table\0", 7, ["table"])
    ],
    Row("orders:no_dictionary", ("optimizers",), "optimizer", DAMAGED),
]  # fmt: skip


def changed(row: Row) -> bytes:
    parts = members()
    notes = json.loads(parts["metadata.json"])
    *above, last = row.place
    found = notes
    for key in above:
        found = found[key]
    found[last] = row.value
    parts["metadata.json"] = json.dumps(notes).encode()
    return zipped(*parts.items())


@pytest.mark.parametrize("row", named(ROWS))
def test_a_hostile_record_is_refused(row, tmp_path):
    path = tmp_path / "harm.keras"
    path.write_bytes(changed(row))
    with refused(row.reason, path):
        lamina.models.load_model(path)


@pytest.mark.parametrize("row", named(r for r in ROWS if "record" in r.name))
def test_weights_are_taken_by_the_same_records(row, tmp_path):
    path = tmp_path / "harm.keras"
    path.write_bytes(changed(row))
    model = held()
    with refused(row.reason, path):
        model.load_weights(path)


ORDERS = [[], 7, "out/vars/0", ["nowhere"], ["out/vars/0"] * 100_000, [7], [["a"]]]


@pytest.mark.parametrize("order", ORDERS, ids=lambda o: repr(o)[:12])
def test_a_hostile_order_of_slots_changes_nothing_or_is_refused(order, tmp_path):
    path = tmp_path / "harm.keras"
    path.write_bytes(changed(Row("", ("optimizers", "optimizer"), order, "")))
    if order == [["a"]]:
        with refused(DAMAGED, path):
            lamina.models.load_model(path)
        return
    with harmless(path):
        model = lamina.models.load_model(path)
    assert len(model.optimizer.variables) == 2 + 2 * 3


def test_the_file_that_they_are_made_of_is_good(tmp_path):
    path = tmp_path / "good.keras"
    path.write_bytes(zipped(*members().items()))
    with harmless(path):
        model = lamina.models.load_model(path)
    assert model.table.shape == (2,) and not model.load_report.mismatches
