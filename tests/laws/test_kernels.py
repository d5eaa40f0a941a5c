"""Every form of an op gives what its reference form gives, gradients included."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.ops.kernels import table
from tests.laws.close import assert_trees_close
from tests.tables.arrays import floats
from tests.tables.kernels import CASES
from tests.tables.tolerances import KERNELS

FASTER = [form for op in table.ops() for form in table.forms(op) if form.platform]


def test_every_form_has_a_case():
    assert {(form.op, form.name) for form in FASTER} == set(CASES)


def results(function, arrays):
    """A function's value, and its gradients for a drawn cotangent."""

    def both(*arrays):
        y, pull = jax.vjp(function, *arrays)
        cotangent = floats(*y.shape, seed=9).astype(y.dtype)
        return [y, *pull(jnp.asarray(cotangent))]

    return jax.jit(both)(*arrays)


@pytest.mark.parametrize("form", FASTER, ids=lambda form: f"{form.op}-{form.name}")
@given(st.data())
@settings(max_examples=8)
def test_form_equals_reference(form, data):
    shapes, filled = data.draw(CASES[form.op, form.name])
    dtype = data.draw(st.sampled_from(["float64", "float32", "bfloat16"]))
    # Steps of a quarter are exact in every type, and often equal.
    drawn = [np.round(4 * floats(*s, seed=i)) / 4 for i, s in enumerate(shapes)]
    with jax.enable_x64(True):
        arrays = [jnp.asarray(a, dtype) for a in drawn]
        assert filled(form.can)(*arrays)
        found = results(filled(form.run), arrays)
        assert {a.dtype.name for a in found} == {dtype}
        reference = table.forms(form.op)[-1]
        wide = [jnp.asarray(a, "float64") for a in drawn]
        expected = results(filled(reference.run), wide)
        assert_trees_close(found, expected, KERNELS[dtype])
