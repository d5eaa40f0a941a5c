"""Lists of operations compute what their function does, and find the first bad one."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina.runtime.operations import OperationList, is_finite

X = np.linspace(0.5, 2.0, 6, dtype="float32").reshape(2, 3)


def with_loops(x):
    x = jax.lax.scan(lambda c, _: (jnp.sin(c), c.sum()), x, None, length=2)[0]
    return jax.lax.cond(x.sum() > 0, jnp.cos, jnp.exp, x)


def with_calls(x):
    return jax.checkpoint(jax.jit(lambda x: jax.nn.relu(x) * 2))(x) - 1.0


@jax.custom_vjp
def square(x):
    return x * x


square.defvjp(lambda x: (x * x, x), lambda x, g: (2 * x * g,))


@pytest.mark.parametrize("function", [with_loops, with_calls, square])
@pytest.mark.parametrize("gradient", [False, True])
def test_list_computes_what_the_function_does(function, gradient):
    if gradient:
        function = jax.grad(lambda x, f=function: f(x).sum())
    listed = OperationList(function, X)
    values = listed.evaluate(X)
    np.testing.assert_allclose(values[listed.outputs], function(X), rtol=1e-6)


def flags_of(listed, x):
    flags = []
    listed.evaluate(x, visit=lambda made: flags.append(all(map(is_finite, made))))
    return flags


def masked(x):
    """A constant -inf in a mask is not the origin of the NaN, nor is a guarded log."""
    scores = jnp.where(x > 1, x, -jnp.inf)
    guarded = jnp.where(x > 0, jnp.log(x), 0.0)
    with jax.named_scope("outer"), jax.named_scope("inner"):
        ratio = x / (x - x)
    return jax.nn.softmax(scores).sum() + guarded.sum() + ratio.sum()


@pytest.mark.parametrize("compiled", [False, True])
def test_origin_is_the_first_operation_that_reaches_the_target(compiled):
    x = X - 0.5
    listed = OperationList(jax.jit(masked) if compiled else masked, x)
    flags = flags_of(listed, x)
    origin = listed.operations[listed.origin(flags, [listed.outputs])]
    assert (origin.name, origin.path) == ("div", "outer/inner")
    line = origin.source_line()
    assert str(line) == f"test_operations.py:{line.number}: ratio = x / (x - x)"


def test_finite_targets_have_no_origin():
    listed = OperationList(lambda x: (jnp.log(x), x + 1), X * 0)
    flags = flags_of(listed, X * 0)
    assert listed.origin(flags, [listed.outputs[1]]) is None


def test_evaluation_stops_after_the_last_target():
    listed = OperationList(lambda x: jnp.sqrt(jnp.exp(x) + 1), X)
    last, count = listed.operations[1], []
    values = listed.evaluate(X, (*last.inputs, *last.outputs), count.append)
    assert last.name == "add" and len(count) == 2
    [made] = [values[i] for i in last.outputs]
    np.testing.assert_allclose(made, np.exp(X) + 1, rtol=1e-6)
    assert {*last.inputs, *last.outputs} <= values.keys()
