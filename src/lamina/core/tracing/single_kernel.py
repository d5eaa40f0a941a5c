"""Small computations as one kernel each.

XLA:CPU compiles a kernel for each fusion, and a fusion seldom has more than one result.
A kernel takes 10 to 40 ms to compile, however small it is: without this file, half the
kernels of a small network's training loop compute batch numbers and orders of rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax.experimental.xla_metadata import set_xla_metadata

from lamina.core.tracing.trace_state import is_tracing, platform

# XLA emits a call with the first attribute as one kernel, and does not inline a call
# with the second. A release that knows neither ignores them.
_ATTRIBUTES = {"xla_cpu_small_call": "true", "inlineable": "false"}


def single_kernel(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function; in a program for CPUs, its operations become one kernel.

    The kernel runs on one core and copies what it returns, so the function should take
    microseconds. It may use traced values of the code around it.
    """
    # A call that is not inlined could not be divided among devices.
    if platform() != "cpu" or jax.device_count() > 1 or not is_tracing():
        return function(*args)
    closed, shapes = jax.make_jaxpr(function, return_shape=True)(*args)
    if not _uses_all_inputs(closed.jaxpr):
        return function(*args)  # XLA would abort the process
    from jax.extend.core import jaxpr_as_fun  # see `lamina.core.tracing.trace_state`

    first, *others = jax.jit(jaxpr_as_fun(closed))(*jax.tree.leaves(args))
    # The attributes are those of the call, not of its result.
    marked = set_xla_metadata(first, **_ATTRIBUTES)
    return jax.tree.unflatten(jax.tree.structure(shapes), [marked, *others])


def _uses_all_inputs(jaxpr: Any) -> bool:
    """Return whether the results of a function depend on each of its inputs."""
    used = {id(atom) for atom in jaxpr.outvars}
    for equation in reversed(jaxpr.eqns):
        if any(id(variable) in used for variable in equation.outvars):
            used.update(id(atom) for atom in equation.invars)
    return all(id(variable) in used for variable in jaxpr.invars)
