"""A row's output does not depend on the other rows of its batch."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import lamina
from tests.laws.close import assert_close
from tests.oracles.families import outputs_of
from tests.oracles.observe import ready
from tests.tables.cases import named
from tests.tables.layers import LAYERS

CASES = named(LAYERS, without={"couples rows"})


def only_first_row_kept(x):
    """The same array with every row but the first replaced."""
    other = x[::-1].copy()
    other[-1], other[0] = other[0], x[0]
    return other


@pytest.mark.parametrize("case", CASES)
def test_first_row_does_not_see_the_others(case):
    layer = ready(lamina, case)
    changed = case._replace(inputs=tuple(map(only_first_row_kept, case.inputs)))
    outputs = jax.tree.leaves(layer(changed.argument, **case.call))
    for output, among_others in zip(outputs, outputs_of(case), strict=True):
        assert_close(np.asarray(output)[0], among_others[0])
