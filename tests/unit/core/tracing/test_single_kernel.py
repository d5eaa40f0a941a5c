"""`single_kernel`: the same values, one kernel, and no call that XLA cannot emit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lamina.core.tracing.single_kernel import single_kernel

_MARK = "xla_cpu_small_call"


def divide(n: jax.Array, m: jax.Array) -> tuple[jax.Array, jax.Array]:
    return jax.lax.div(n, m), jnp.minimum(jax.lax.rem(n, m) + 2, m)


def test_results_are_those_of_the_function_in_one_kernel() -> None:
    def program(n: jax.Array, m: jax.Array) -> tuple[jax.Array, jax.Array]:
        return single_kernel(divide, n * 3, m)

    args = jnp.int32(17), jnp.int32(5)
    compiled = jax.jit(program).lower(*args).compile()
    assert [int(v) for v in compiled(*args)] == [int(v) for v in divide(51, args[1])]
    calls = [line for line in compiled.as_text().splitlines() if " call(" in line]
    assert len(calls) == 1
    assert _MARK in calls[0]


@pytest.mark.parametrize("used", [0, 1])
def test_inputs_without_use_are_not_passed_to_a_call(used: int) -> None:
    def program(*pair: jax.Array) -> jax.Array:
        return single_kernel(lambda *pair: jnp.sin(pair[used]) + 1, *pair)

    args = jnp.arange(3.0), jnp.arange(4.0)
    lowered = jax.jit(program).lower(*args)
    assert _MARK not in lowered.as_text()
    np.testing.assert_allclose(program(*args), np.sin(args[used]) + 1, rtol=1e-6)


def test_traced_values_of_the_code_around_it_are_inputs() -> None:
    def program(x: jax.Array) -> jax.Array:
        doubled = 2 * x
        return single_kernel(lambda y: doubled + y, x)

    assert jax.jit(program)(jnp.float32(4.0)) == 12
