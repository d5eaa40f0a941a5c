"""An object made from another's config has that config, and computes the same."""

from __future__ import annotations

import json
import re

import jax
import pytest

import lamina
from tests.oracles.observe import is_float, ready, values
from tests.tables.initializers import CONSTANT, ORTHOGONAL, RANDOM, SPECTRAL
from tests.tables.cases import named
from tests.tables.layers import LAYERS
from tests.tables.losses import LOSSES
from tests.tables.metrics import METRICS
from tests.tables.optimizers import OPTIMIZERS
from tests.tables.penalties import CONSTRAINTS, REGULARIZERS
from tests.tables.schedules import SCHEDULES

OBJECTS = [
    *CONSTANT,
    *SPECTRAL,
    *RANDOM,
    *ORTHOGONAL,
    *LOSSES,
    *METRICS,
    *OPTIMIZERS,
    *CONSTRAINTS,
    *REGULARIZERS,
    *SCHEDULES,
]


def rebuilt(item):
    """A copy by way of JSON, which is what a file holds."""
    config = json.loads(json.dumps(item.get_config()))
    return type(item).from_config(config)


def as_json(item):
    return json.loads(json.dumps(item.get_config()))


@pytest.mark.parametrize("case", named(OBJECTS))
def test_config_makes_the_same_object(case):
    item = case.make(lamina)
    assert as_json(rebuilt(item)) == as_json(item)


def program(layer, case):
    """The layer's computation as text and constants: equal programs, equal results."""
    call = lambda *args: layer.stateless_call(*args, **case.call)  # noqa: E731
    jaxpr = jax.make_jaxpr(call)(
        values(layer.trainable_variables),
        values(layer.non_trainable_variables),
        case.argument,
    )
    constants = [c for c in jaxpr.consts if is_float(c)]
    return re.sub("0x[0-9a-f]+", "", str(jaxpr)), jax.tree.map(str, constants)


@pytest.mark.parametrize("case", named(LAYERS, without={"code", "host"}))
def test_layer_from_config_is_the_same_layer(case):
    layer = ready(lamina, case)
    twin = rebuilt(layer)
    assert as_json(twin) == as_json(layer)
    again = ready(lamina, case._replace(make=lambda k: twin))
    assert program(again, case) == program(layer, case)
