"""Every form of an op gives what its reference form gives, gradients included."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.ops.kernels import table
from lamina.ops.kernels.cpu import onednn
from lamina.runtime.executable import Program, in_process_compile
from tests.laws.close import assert_trees_close
from tests.tables.arrays import floats
from tests.tables.kernels import CASES, TYPES
from tests.tables.tolerances import KERNELS

FASTER = [form for op in table.ops() for form in table.kernels_of(op) if form.platform]


def is_here(form):
    """Whether the library is there that the form calls, if it calls one."""
    if form.name.startswith("onednn"):
        return onednn.is_available()
    return form.name != "cudnn" or jax.default_backend() == form.platform


HERE = list(filter(is_here, FASTER))


def test_every_form_has_a_case():
    assert {(form.op, form.name) for form in FASTER} == set(CASES)


ALL_TYPES = ["float64", "float32", "bfloat16"]


def with_gradients(function):
    """Makes the function's value, and its gradients for a drawn cotangent."""

    def both(*arrays):
        y, pull = jax.vjp(function, *arrays)

        def cotangent(leaf):
            return jnp.asarray(floats(*leaf.shape, seed=9).astype(leaf.dtype))

        return [y, *pull(jax.tree.map(cotangent, y))]

    return both


@pytest.mark.parametrize("form", HERE, ids=lambda form: f"{form.op}-{form.name}")
@given(st.data())
@settings(max_examples=8)
def test_form_equals_reference(form, data):
    shapes, filled = data.draw(CASES[form.op, form.name])
    dtype = data.draw(st.sampled_from(TYPES.get((form.op, form.name), ALL_TYPES)))
    # Steps of a quarter are exact in every type, and often equal.
    drawn = [np.round(4 * floats(*s, seed=i)) / 4 for i, s in enumerate(shapes)]
    with jax.enable_x64(True):
        arrays = [jnp.asarray(a, dtype) for a in drawn]
        with in_process_compile():
            assert filled(form.can)(*arrays)
        found = Program(with_gradients(filled(form.run)))(*arrays)
        reference = with_gradients(filled(table.kernels_of(form.op)[-1].run))
        same = jax.eval_shape(reference, *arrays)
        assert [a.dtype for a in jax.tree.leaves(found)] == [
            a.dtype for a in jax.tree.leaves(same)
        ]
        wide = [jnp.asarray(a, "float64") for a in drawn]
        assert_trees_close(found, Program(reference)(*wide), KERNELS[dtype])
