"""Arguments of variables that one device does not need."""

from __future__ import annotations

import pytest

from lamina.core.variable import Variable
from lamina.errors import ArgumentError


def test_variable_accepts_how_replicas_combine():
    variable = Variable([1.0], aggregation="mean", synchronization="on_read")
    assert variable.aggregation == "mean" and variable.synchronization == "on_read"
    assert Variable([1.0], aggregation=None).aggregation == "none"


@pytest.mark.parametrize(
    "argument", [{"aggregation": "median"}, {"synchronization": "x"}, {"layout": "m"}]
)
def test_unknown_way_to_combine_replicas_is_an_error(argument):
    name = next(iter(argument))
    with pytest.raises(ArgumentError, match=f"Variable: `{name}` must be"):
        Variable([1.0], **argument)
