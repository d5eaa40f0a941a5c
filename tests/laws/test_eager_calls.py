"""An eager call gives what was recorded, and each row is independent of the others.

The two tests of a layer run one after the other, as they need the same programs. pytest
orders parameters of a scope by position, so both lists begin with the same cases.
"""

from __future__ import annotations

import jax
import numpy as np
import pytest

import lamina
from tests.laws.close import assert_close
from tests.oracles.families import outputs_of, recorded
from tests.oracles.observe import is_float, numbered, ready, values
from tests.tables.cases import named
from tests.tables.layers import LAYERS, WITH_ORACLE

ROW_BY_ROW = [case for case in LAYERS if "couples rows" not in case.traits]
# Recorded outputs are those of compiled calls.
ONE_CALL = [case for case in WITH_ORACLE if case.calls == 1]
IN_BOTH = [case for case in ONE_CALL if "couples rows" not in case.traits]


def both_first(cases):
    """The cases, those of both tests at the beginning."""
    names = {case.name for case in IN_BOTH}
    return named([*IN_BOTH, *(case for case in cases if case.name not in names)])


@pytest.mark.parametrize("case", both_first(ONE_CALL), scope="module")
def test_eager_call_does_what_was_compiled(case):
    layer = ready(lamina, case)
    observed = numbered("output", layer(case.argument, **case.call))
    state = [v for v in values(layer.non_trainable_variables) if is_float(v)]
    observed |= numbered("state", state)
    for name, value in observed.items():
        assert_close(value, recorded("layers")[case.name][name], message=name)


def only_first_row_kept(x):
    """The same array with every row but the first replaced."""
    other = x[::-1].copy()
    other[-1], other[0] = other[0], x[0]
    return other


@pytest.mark.parametrize("case", both_first(ROW_BY_ROW), scope="module")
def test_first_row_does_not_see_the_others(case):
    layer = ready(lamina, case)
    changed = case._replace(inputs=tuple(map(only_first_row_kept, case.inputs)))
    outputs = jax.tree.leaves(layer(changed.argument, **case.call))
    for output, among_others in zip(outputs, outputs_of(case), strict=True):
        assert_close(np.asarray(output)[0], among_others[0])
