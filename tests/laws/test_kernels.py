"""Every kernel of an op equals its reference, gradients included."""

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
from tests.tables.kernels import CASES, QUICKLY, TYPES
from tests.tables.tolerances import KERNELS

FASTER = [k for op in table.ops() for k in table.kernels_of(op) if k.platform]


def is_available(kernel):
    """Return whether the library that the kernel calls, if any, is available."""
    if kernel.name.startswith("onednn"):
        return onednn.is_available()
    return kernel.name != "cudnn" or jax.default_backend() == kernel.platform


AVAILABLE = list(filter(is_available, FASTER))


def test_every_kernel_has_a_case():
    assert {(kernel.op, kernel.name) for kernel in FASTER} == set(CASES)


ALL_TYPES = ["float64", "float32", "bfloat16"]


def with_gradients(function):
    """Return a function of the value and the gradients for a fixed cotangent."""

    def both(*arrays):
        y, pullback = jax.vjp(function, *arrays)

        def cotangent(leaf):
            if not jnp.issubdtype(leaf.dtype, jnp.inexact):
                return np.zeros(leaf.shape, jax.dtypes.float0)
            return jnp.asarray(floats(*leaf.shape, seed=9).astype(leaf.dtype))

        return [y, *pullback(jax.tree.map(cotangent, y))]

    return both


@pytest.mark.parametrize(
    "kernel", AVAILABLE, ids=lambda kernel: f"{kernel.op}-{kernel.name}"
)
@given(st.data())
@settings(max_examples=8)
def test_kernel_equals_reference(kernel, data):
    shapes, call = data.draw(CASES[kernel.op, kernel.name])
    dtype = data.draw(st.sampled_from(TYPES.get((kernel.op, kernel.name), ALL_TYPES)))
    # Steps of a quarter are exact in every type, and often equal.
    drawn = [np.round(4 * floats(*s, seed=i)) / 4 for i, s in enumerate(shapes)]
    with jax.enable_x64(True):
        # Conversions by JAX are a program for each shape.
        arrays = [jax.device_put(a.astype(jnp.dtype(dtype))) for a in drawn]
        with in_process_compile():
            assert kernel.is_applicable(call(*arrays))
        reference_kernel = table.kernels_of(kernel.op)[-1]
        compute, reference = (
            with_gradients(lambda *arrays, run=k.run: run(call(*arrays)))
            for k in (kernel, reference_kernel)
        )
        found = Program(compute)(*arrays)
        abstract = jax.eval_shape(reference, *arrays)
        assert [a.dtype for a in jax.tree.leaves(found)] == [
            a.dtype for a in jax.tree.leaves(abstract)
        ]
        upcast = [jax.device_put(a.astype("float64")) for a in drawn]
        expected = jax.jit(reference, compiler_options=QUICKLY)(*upcast)
        assert_trees_close(found, expected, KERNELS[dtype])
