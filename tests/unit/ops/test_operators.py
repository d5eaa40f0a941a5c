"""Python's operators on variables and symbolic tensors."""

from __future__ import annotations

import operator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina.core.graph import SymbolicTensor
from lamina.core.variable import Variable
from lamina.errors import ArgumentTypeError

BINARY = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv,
    operator.mod, operator.pow, operator.lt, operator.le, operator.gt, operator.ge,
    operator.ne,
]  # fmt: skip
VALUES = np.array([1.0, 2.0, 3.0], "float32")
OTHERS = [2, 2.5, np.float32(2), VALUES, jnp.asarray(VALUES)]


@pytest.mark.parametrize("function", BINARY)
@pytest.mark.parametrize("other", OTHERS, ids=lambda v: type(v).__name__)
def test_binary_operators_of_variables(function, other):
    variable, plain = Variable(VALUES), np.asarray(other)
    for got, wanted in [
        (function(variable, other), function(VALUES, plain)),
        (function(other, variable), function(plain, VALUES)),
        (function(variable, Variable(VALUES)), function(VALUES, VALUES)),
    ]:
        assert isinstance(got, jnp.ndarray)
        np.testing.assert_allclose(got, wanted, rtol=1e-6)


@pytest.mark.parametrize("function", BINARY)
@pytest.mark.parametrize("other", OTHERS, ids=lambda v: type(v).__name__)
def test_binary_operators_of_symbolic_tensors(function, other):
    tensor = SymbolicTensor((None, 3))
    wanted = jax.eval_shape(lambda x: function(x, other), jnp.ones((2, 3)))
    for got in (function(tensor, other), function(other, tensor)):
        assert got.shape == (None, 3)
        assert got.dtype == wanted.dtype
    assert function(tensor, tensor).shape == (None, 3)
    assert function(Variable(VALUES), tensor).shape == (None, 3)
    assert function(tensor, Variable(VALUES)).shape == (None, 3)


def test_matmul_operator():
    matrix = np.arange(6.0, dtype="float32").reshape(2, 3)
    variable, tensor = Variable(matrix), SymbolicTensor((None, 2))
    for left in (matrix, jnp.asarray(matrix)):
        np.testing.assert_array_equal(left.T @ variable, matrix.T @ matrix)
        assert (tensor @ left).shape == (None, 3)
    assert (tensor @ variable).shape == (None, 3)
    # The unknown dimension stands for one that fits the other side.
    assert (jnp.ones((4, 2)) @ SymbolicTensor((2, None))).shape == (4, None)


def test_unary_operators():
    variable, tensor = Variable(VALUES - 2), SymbolicTensor((None, 3))
    np.testing.assert_array_equal(-variable, 2 - VALUES)
    np.testing.assert_array_equal(abs(variable), abs(VALUES - 2))
    np.testing.assert_array_equal(~(variable > 0), VALUES <= 2)
    np.testing.assert_allclose(round(Variable([1.26]), 1), [1.3], rtol=1e-6)
    for function in (operator.neg, abs, round):
        assert function(tensor).shape == (None, 3)
    assert (~(tensor > 0) & (tensor < 1) | (tensor > 2)).dtype == "bool"


def test_getitem_of_variables_and_symbolic_tensors():
    variable, tensor = Variable(VALUES), SymbolicTensor((None, 4, 3))
    np.testing.assert_array_equal(variable[1:], VALUES[1:])
    assert [float(v) for v in variable] == VALUES.tolist()
    assert tensor[:, 0].shape == (None, 3)
    assert tensor[:, 1:, ::2].shape == (None, 3, 2)
    assert tensor[..., None].shape == (None, 4, 3, 1)


def test_variables_compare_by_value_and_symbolic_tensors_by_identity():
    variable, tensor = Variable(VALUES), SymbolicTensor((None, 3))
    np.testing.assert_array_equal(variable == 2, VALUES == 2)
    assert {variable: 1}[variable] == 1
    assert tensor in [SymbolicTensor((None, 3)), tensor]
    assert tensor not in [SymbolicTensor((None, 3))]


@pytest.mark.parametrize("function", [bool, float, int, len, list, np.sum, np.asarray])
def test_value_of_a_symbolic_tensor_is_an_error(function):
    with pytest.raises(ArgumentTypeError, match="has no values yet"):
        function(SymbolicTensor((None, 3)))
