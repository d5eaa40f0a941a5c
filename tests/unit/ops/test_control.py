"""Loops and choices against Python's."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from lamina import ops
from lamina.core.graph import SymbolicTensor


def test_cond_and_switch_select_a_branch():
    choose = jax.jit(lambda p: ops.cond(p, lambda: 1.0, lambda: 2.0))
    assert [float(choose(p)) for p in (True, False)] == [1.0, 2.0]
    branches = [lambda x: x, lambda x: -x, lambda x: 2 * x]
    assert [float(ops.switch(i, branches, 3.0)) for i in (0, 1, 2, 9)] == [3, -3, 6, 6]


def test_while_loop_and_fori_loop_run_until_their_condition():
    assert int(ops.fori_loop(0, 4, lambda i, total: total + i, 10)) == 16
    a, b = ops.while_loop(lambda a, b: a < 10, lambda a, b: (a + b, b + 1), (0, 1))
    assert (int(a), int(b)) == (10, 5)
    assert int(ops.while_loop(lambda n: n > 0, lambda n: n + 1, 1, 5)) == 6


def test_scan_carries_and_stacks_outputs():
    x = np.arange(1.0, 5.0)
    total, sums = ops.scan(lambda c, v: (c + v, c * v), 0.0, x)
    assert float(total) == 10 and sums.tolist() == [0, 2, 9, 24]
    total, sums = ops.scan(lambda c, v: (c + v, c + v), 0.0, x, reverse=True)
    assert sums.tolist() == [10, 9, 7, 4]
    counts = ops.scan(lambda c, _: (c + 1, c), 0, length=3)[1]
    assert counts.tolist() == [0, 1, 2]
    products = ops.associative_scan(jnp.multiply, jnp.asarray(x))
    assert products.tolist() == np.cumprod(x).tolist()


def test_map_and_vectorized_map_call_the_function_on_slices():
    x = np.arange(6.0).reshape(3, 2)
    for function in (ops.map, ops.vectorized_map):
        np.testing.assert_array_equal(
            function(lambda row: row.sum(), jnp.asarray(x)), x.sum(1)
        )
    assert ops.vectorized_map(lambda r: r[0], SymbolicTensor((None, 2))).shape == (
        None,
    )


def test_stop_gradient_is_a_constant_to_grad():
    gradient = jax.grad(lambda x: x * ops.stop_gradient(x))(3.0)
    assert float(gradient) == 3.0
