"""Laws of every op in the table."""

from __future__ import annotations

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina import ops
from lamina.core.graph import SymbolicTensor
from lamina.core.variable import Variable
from tests.tables.ops import CASES

APPROXIMATE = {"gelu": 1e-3}  # the default is the formula with tanh
MODULES = {"image", "linalg", "nn", "numpy"}
HOST_ONLY = {"bincount", "convert_to_numpy", "nonzero", "unique", "unstack"}

# The tests of a case run one after the other, as they need the same programs: that is
# what the scope of their parameters is for.
cases = pytest.mark.parametrize(
    "case", CASES, ids=lambda case: case.label, scope="module"
)


def is_array(value):
    return isinstance(value, np.ndarray)


def with_arrays(args, convert):
    return jax.tree.map(lambda v: convert(v) if is_array(v) else v, args)


def call(case, convert=lambda v: v):
    function = getattr(ops, case.name)
    return function(*with_arrays(case.args, convert), **case.kwargs)


def canonical(array):
    return jax.dtypes.canonicalize_dtype(array.dtype)


def assert_equals_formula(case, got):
    """Compare with the case's formula, computed by NumPy in double precision."""
    double = {"float32": "float64", "complex64": "complex128"}
    args = with_arrays(
        case.args, lambda v: v.astype(double.get(v.dtype.name, v.dtype.name))
    )
    expected = case.oracle(*args)
    tolerance = APPROXIMATE.get(case.name, 2e-5)
    pairs = zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True)
    for value, formula in pairs if is_nested(got) else [(got, expected)]:
        assert np.shape(value) == np.shape(formula)
        np.testing.assert_allclose(value, formula, rtol=tolerance, atol=tolerance)


@cases
def test_op_equals_its_numpy_formula(case):
    assert_equals_formula(case, call(case))


def is_nested(value):
    return isinstance(value, (list, tuple))


@cases
def test_op_of_variables_equals_its_numpy_formula(case):
    if not any(map(is_array, jax.tree.leaves(case.args))):
        pytest.skip("takes no arrays")
    got = call(case, lambda v: Variable(v, dtype=canonical(v).name))
    assert_equals_formula(case, got)


@cases
def test_op_infers_shape_and_dtype_of_symbolic_tensors(case):
    if case.name in HOST_ONLY or not any(map(is_array, jax.tree.leaves(case.args))):
        pytest.skip("its shape depends on values, or it takes no arrays")
    symbolic = call(case, lambda v: SymbolicTensor(v.shape, canonical(v)))
    real = call(case)
    if case.name in ("shape", "ndim"):
        assert symbolic == real
        return
    pairs = zip(jax.tree.leaves(symbolic), jax.tree.leaves(real), strict=True)
    for inferred, value in pairs:
        assert inferred.shape == np.shape(value)
        assert inferred.dtype == jnp.asarray(value).dtype


@pytest.mark.parametrize("name", sorted(set(ops.__all__) - MODULES))
def test_op_has_the_name_of_a_public_op_and_can_be_pickled(name):
    function = getattr(ops, name)
    assert getattr(ops, function.__name__) is function
    assert pickle.loads(pickle.dumps(function)) is function


def test_names_are_unique():
    assert len(ops.__all__) == len(set(ops.__all__))
