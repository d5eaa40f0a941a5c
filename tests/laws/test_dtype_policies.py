"""Under a policy a layer computes in one type, stores in another, and stays close to
what it computes in float32."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import lamina
from lamina.config import set_dtype_policy
from tests.laws.close import assert_close
from tests.oracles.families import outputs_of
from tests.oracles.observe import is_float, ready
from tests.tables.layers import LAYERS, TABLES, one_of_each
from tests.tables.tolerances import POLICIES

EACH = [case.name for case in one_of_each(lamina)]
VARIABLES = {"bfloat16": "bfloat16", "float16": "float16"}


def under(policies, cases):
    return [
        pytest.param(case, policy, id=f"{policy}-{case.name}")
        for policy in policies
        for case in cases
        if case.traits.isdisjoint({"random", "host"})
    ]


MIXED, *OTHERS = POLICIES
ALL_TYPES = [
    *under([MIXED], LAYERS),
    *under(OTHERS, [case for case in LAYERS if case.name in EACH]),
]
# Where a result jumps, rounding the input decides about it.
NOT_COMPARED = {"random", "host", "jumps"}


@pytest.mark.parametrize(("case", "policy"), ALL_TYPES)
def test_types_of_variables_and_outputs(case, policy):
    set_dtype_policy(policy)
    layer = ready(lamina, case)
    outputs = jax.eval_shape(lambda x: layer(x, **case.call), case.argument)
    weights = [str(w.dtype) for w in layer.weights if is_float(w)]
    assert set(weights) <= {VARIABLES.get(policy, "float32")}
    in_float32 = outputs_of(case)
    for output, desired in zip(jax.tree.leaves(outputs), in_float32, strict=True):
        if is_float(desired):
            assert output.dtype == policy.removeprefix("mixed_")
        else:
            assert output.dtype == desired.dtype


@pytest.mark.parametrize("table", TABLES)
def test_outputs_are_close_to_those_in_float32(table):
    set_dtype_policy(MIXED)
    cases = [case for case in TABLES[table] if case.traits.isdisjoint(NOT_COMPARED)]
    layers = [(ready(lamina, case), case.call) for case in cases]

    @jax.jit  # Compiling one program for all layers takes less time.
    def results(inputs):
        calls = zip(layers, inputs, strict=True)
        return [layer(x, **options) for (layer, options), x in calls]

    found = results([case.argument for case in cases])
    for case, outputs in zip(cases, found, strict=True):
        pairs = zip(jax.tree.leaves(outputs), outputs_of(case), strict=True)
        for output, desired in pairs:
            output = np.asarray(output, "float32")
            assert_close(output, desired, POLICIES[MIXED], case.name)
