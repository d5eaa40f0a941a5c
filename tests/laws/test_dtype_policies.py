"""Under a policy a layer computes in one type, stores in another, and stays close to
what it computes in float32."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import lamina
from tests.laws.close import assert_close
from tests.oracles.observe import is_float, ready
from tests.tables.cases import named
from tests.tables.layers import LAYERS
from tests.tables.tolerances import POLICIES

WHOLE = {"random", "host"}
SAMPLE = {
    *("dense_relu", "embedding", "conv2d_same", "max_pooling2d", "lstm_sequences"),
    *("batch_norm_training", "layer_norm", "normalization_adapted", "dot", "prelu"),
}
CASES = [
    pytest.param(case, policy, id=f"{policy}-{case.name}")
    for policy in POLICIES
    for case in LAYERS
    if WHOLE.isdisjoint(case.traits)
    and (policy == "mixed_bfloat16" or case.name in SAMPLE)
]
VARIABLES = {"bfloat16": "bfloat16", "float16": "float16"}


def run(case):
    layer = ready(lamina, case)
    outputs = jax.jit(lambda x: layer(x, **case.call))(case.argument)
    return layer, jax.tree.leaves(outputs)


@pytest.mark.parametrize(("case", "policy"), CASES)
def test_types_under_a_policy(case, policy):
    _, exact = run(case)
    lamina.config.set_dtype_policy(policy)
    layer, outputs = run(case)
    floats = [w for w in layer.weights if is_float(w)]
    assert {str(w.dtype) for w in floats} <= {VARIABLES.get(policy, "float32")}
    for output, desired in zip(outputs, exact, strict=True):
        if is_float(desired):
            assert output.dtype == policy.removeprefix("mixed_")
        assert_close(np.asarray(output, "float32"), desired, POLICIES[policy])
