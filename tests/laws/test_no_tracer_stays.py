"""After a trace of the user's own, a layer holds no tracer and can be copied."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import pytest
from jax.core import Tracer

import lamina
from lamina.core.variable import Variable
from tests.oracles.observe import ready
from tests.tables.cases import named
from tests.tables.layers import one_of_each

CASES = named(one_of_each(lamina), without={"host", "code"})


def reachable_tracers(value: Any, seen: dict[int, Any]) -> Iterator[Tracer]:
    """The tracers in attributes of lamina's objects and in containers, at any depth."""
    if id(value) in seen:
        return
    seen[id(value)] = value
    if isinstance(value, Tracer):
        yield value
    elif isinstance(value, (list, tuple, set, dict)):
        items = value.values() if isinstance(value, dict) else value
        for item in items:
            yield from reachable_tracers(item, seen)
    elif type(value).__module__.startswith("lamina"):
        # Losses stay for the rest of the trace; outside of it `losses` has none.
        attributes = getattr(value, "__dict__", {})
        items = [v for k, v in attributes.items() if k != "_call_losses"]
        yield from reachable_tracers(items, seen)


def trace(layer: Any, case: Any) -> None:
    call = {"training": True} if "random" in case.traits else case.call
    jax.make_jaxpr(lambda x: layer(x, **call))(case.argument)


@pytest.mark.parametrize("case", CASES)
def test_layer(case: Any) -> None:
    layer = ready(lamina, case)
    trace(layer, case)
    assert not any(isinstance(loss, Tracer) for loss in layer.losses)
    assert not list(reachable_tracers(layer, {}))
    copied = copy.deepcopy(layer)
    for copied_weight, weight in zip(
        copied.get_weights(), layer.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(copied_weight, weight)
    assert not list(reachable_tracers(copied, {}))


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: jax.jit(f)(1.0),
        lambda f: jax.eval_shape(f, 1.0),
        lambda f: jax.grad(f)(1.0),
        lambda f: jax.vmap(f)(np.ones(2, "float32")),
        lambda f: lamina.ops.scan(lambda c, x: (f(x), x), 0.0, np.ones(2, "float32")),
    ],
    ids=["jit", "eval_shape", "grad", "vmap", "scan"],
)
def test_seed_generator(transform: Any) -> None:
    generator = lamina.random.SeedGenerator(1)
    drawn = []

    def draw(x: Any) -> Any:
        for _ in range(2):
            drawn.append(lamina.random.normal((), seed=generator))
        return x * drawn[0] * drawn[1]

    transform(draw)
    assert drawn[0] is not drawn[1]
    state = np.asarray(generator.state.value)
    assert state[1] >= 2
    expected = lamina.random.normal((), seed=pickle.loads(pickle.dumps(generator)))
    assert lamina.random.normal((), seed=generator) == expected


def test_numbers_without_a_seed_are_refused_in_a_trace() -> None:
    with pytest.raises(ValueError, match="you should only use seeded random ops"):
        jax.jit(lambda: lamina.random.normal((2,)))()


def test_a_variable_takes_no_value_that_ends_with_a_trace() -> None:
    variable = Variable(1.0)
    with pytest.raises(lamina.errors.StateError, match="stateless_call"):
        jax.jit(lambda x: variable.assign(x))(2.0)
    assert float(variable) == 1.0
    with pytest.raises(lamina.errors.StateError, match="an initializer"):
        jax.jit(lambda x: Variable(x).value)(2.0)
