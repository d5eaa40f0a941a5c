"""Layers compared with formulas, because Keras lacks them or differs on purpose."""

from __future__ import annotations

import pytest

import lamina
from tests.laws.close import assert_close
from tests.tables.activations import SPARSEMAX, project_onto_simplex
from tests.tables.arrays import floats
from tests.tables.cases import named
from tests.tables.layers import BY_HAND


@pytest.mark.parametrize("case", named(BY_HAND))
def test_output_is_as_worked_out(case):
    layer = case.make(lamina)
    case.prepare(layer)
    assert_close(layer(case.argument, **case.call), case.expected)


@pytest.mark.parametrize("case", named(SPARSEMAX))
def test_sparsemax_is_the_nearest_point_of_the_simplex(case):
    x = floats(5, 6, low=-1, high=2)
    columns = case.name.endswith("axis")
    desired = project_onto_simplex(x.T).T if columns else project_onto_simplex(x)
    assert_close(case.make(lamina)(x), desired)
