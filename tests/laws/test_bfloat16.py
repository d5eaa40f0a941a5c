"""Functions of bfloat16 return Keras's types, and values near to those of float32.

`test_dtype_policies.py` has the layers."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import lamina
from tests.laws.close import assert_close
from tests.oracles.families import recorded
from tests.tables.bfloat16 import BFLOAT16, Call
from tests.tables.tolerances import POLICIES


def types_in_keras(table: str) -> dict[str, str]:
    found = recorded("bfloat16")[table]
    return dict(zip(found["names"].tolist(), found["types"].tolist(), strict=True))


TYPES = {table.name: types_in_keras(table.name) for table in BFLOAT16}
# Keras has no type for a call that it refuses.
SUPPORTED = {
    table.name: [call for call in table.calls if TYPES[table.name].get(call.name)]
    for table in BFLOAT16
}
COMPARED = {
    table.name: [call for call in table.calls if call.expected] for table in BFLOAT16
}


@pytest.mark.parametrize("table", BFLOAT16, ids=lambda table: table.name)
def test_types_of_all_calls_are_recorded(table):
    assert list(TYPES[table.name]) == [call.name for call in table.calls]


@pytest.mark.parametrize(
    ("table", "call"),
    [
        pytest.param(table, call, id=f"{table}-{call.name}")
        for table, calls in SUPPORTED.items()
        for call in calls
    ],
)
def test_types_are_those_of_keras(table, call):
    results = jax.eval_shape(lambda: call.make(lamina))
    found = " ".join(leaf.dtype.name for leaf in jax.tree.leaves(results))
    assert found == TYPES[table][call.name]


def in_float32(call: Call) -> Any:
    if callable(call.expected):
        return call.expected()
    family, case, name = call.expected
    return recorded(family)[case][name]


@pytest.mark.parametrize("table", COMPARED)
def test_values_are_near_to_those_of_float32(table):
    calls = COMPARED[table]
    # Compiling one program for all calls takes less time.
    results = jax.jit(lambda: [call.make(lamina) for call in calls])()
    for call, result in zip(calls, results, strict=True):
        found = np.asarray(result, "float32")
        assert_close(found, in_float32(call), POLICIES["bfloat16"], call.name)
