"""Arguments of variables."""

from __future__ import annotations

import copy
import pickle

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


def test_variable_takes_the_name_of_an_initializer():
    assert Variable("ones", shape=(2,), dtype="int32").numpy().tolist() == [1, 1]
    with pytest.raises(ArgumentError, match="`shape` is needed"):
        Variable("zeros")
    with pytest.raises(ArgumentError, match="Did you mean"):
        Variable("zeross", shape=(2,))


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_copy_has_a_value_of_its_own(duplicate):
    variable = Variable([1.0, 2.0])
    duplicate(variable).assign([3.0, 4.0])
    assert variable.numpy().tolist() == [1.0, 2.0]
