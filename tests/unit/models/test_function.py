"""Graphs called as functions."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import ops
from lamina.errors import ArgumentError, ShapeError
from tests.tables.arrays import floats

A, B = floats(2, 3), floats(2, 3, seed=1)


def pair():
    return lamina.KerasTensor((None, 3)), lamina.KerasTensor((None, 3))


def test_arrays_and_symbolic_tensors_go_through_the_graph():
    x, y = pair()
    total = ops.add(x, y)
    function = lamina.Function({"x": x, "y": y}, [total * 3, total**2], "both")
    tripled, squared = function({"x": A, "y": B})
    np.testing.assert_allclose(tripled, (A + B) * 3, rtol=1e-6)
    np.testing.assert_allclose(squared, (A + B) ** 2, rtol=1e-6)
    again = lamina.Function([x, y], function({"x": y, "y": x}))
    np.testing.assert_allclose(again([A, B])[0], tripled, rtol=1e-6)
    assert [t.shape for t in function.compute_output_spec({"x": x, "y": y})] == [
        (None, 3)
    ] * 2
    assert function.compute_output_shape({"x": (4, 3), "y": (4, 3)}) == [(4, 3)] * 2
    assert function.name == "both"


def test_inputs_may_be_inside_a_graph():
    x = lamina.layers.Input((3,))
    dense = lamina.layers.Dense(2)
    middle = x * 2 + 1
    function = lamina.Function(middle, ops.square(dense(middle)))
    assert [operation.name for operation in function.operations] == [
        dense.name,
        "square",
    ]
    np.testing.assert_allclose(function(A), dense(A) ** 2, rtol=1e-6)


def test_mismatched_inputs_are_refused():
    x, y = pair()
    function = lamina.Function([x, y], x + y)
    with pytest.raises(ArgumentError, match="structure"):
        function(A)
    with pytest.raises(ShapeError, match=r"\(None, 3\)"):
        function([A, A[:, :2]])
    for inputs, outputs in ((x, []), ([], y)):
        with pytest.raises(ArgumentError, match="at least one"):
            lamina.Function(inputs, outputs)
    with pytest.raises(ArgumentError, match="not among"):
        lamina.Function(x, x + y)


def test_source_inputs_are_found_once():
    x, y = pair()
    assert lamina.utils.get_source_inputs(ops.square(x + y + x)) == [x, y]
    assert lamina.utils.get_source_inputs(x) == [x]
