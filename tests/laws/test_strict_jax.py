"""Layers promote no types by accident, and leak no tracers."""

from __future__ import annotations

import gc

import jax
import pytest

import lamina
from tests.oracles.observe import ready, values
from tests.tables.cases import named
from tests.tables.layers import LAYERS, one_of_each

# What a user's own function does is the user's.
WITHOUT = {"host", "code"}


def trace(layer, case):
    jax.eval_shape(
        lambda *args: layer.stateless_call(*args, **case.call),
        values(layer.trainable_variables),
        values(layer.non_trainable_variables),
        case.argument,
    )


@pytest.mark.parametrize("case", named(LAYERS, WITHOUT))
def test_types_are_not_promoted_by_accident(case):
    layer = ready(lamina, case)
    with jax.numpy_dtype_promotion("strict"):
        trace(layer, case)


@pytest.fixture(scope="module")
def frozen_objects():
    """Exclude older objects from the collections with which JAX looks for tracers."""
    gc.collect()
    gc.freeze()


@pytest.mark.parametrize("case", named(one_of_each(lamina), WITHOUT))
@pytest.mark.usefixtures("frozen_objects")
def test_tracers_do_not_leak(case):
    layer = ready(lamina, case)
    with jax.checking_leaks():
        trace(layer, case)
