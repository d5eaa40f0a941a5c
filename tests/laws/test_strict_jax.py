"""Layers promote no types by accident, and leak no tracers."""

from __future__ import annotations

import jax
import pytest

import lamina
from tests.oracles.observe import ready, values
from tests.tables.cases import named
from tests.tables.layers import LAYERS


@pytest.mark.parametrize("case", named(LAYERS, without={"host", "code"}))
def test_layer_is_strict(case):
    layer = ready(lamina, case)
    with (
        jax.checking_leaks(),
        jax.numpy_dtype_promotion("strict"),
    ):
        jax.eval_shape(
            lambda *args: layer.stateless_call(*args, **case.call),
            values(layer.trainable_variables),
            values(layer.non_trainable_variables),
            case.argument,
        )
