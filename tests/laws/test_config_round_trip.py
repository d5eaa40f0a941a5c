"""An object created from a config has the same config and computes the same."""

from __future__ import annotations

import json

import pytest

import lamina
from tests.laws.close import program
from tests.oracles.observe import ready
from tests.tables.cases import named
from tests.tables.initializers import INITIALIZERS
from tests.tables.layers import LAYERS
from tests.tables.losses import LOSSES
from tests.tables.metrics import METRICS
from tests.tables.optimizers import OPTIMIZERS
from tests.tables.penalties import CONSTRAINTS, REGULARIZERS
from tests.tables.schedules import SCHEDULES

OBJECTS = [
    *INITIALIZERS,
    *LOSSES,
    *METRICS,
    *OPTIMIZERS,
    *CONSTRAINTS,
    *REGULARIZERS,
    *SCHEDULES,
]


def rebuilt(item):
    """Return a copy created from the config as JSON."""
    config = json.loads(json.dumps(item.get_config()))
    return type(item).from_config(config)


def as_json(item):
    """Return the config as JSON, without the build shapes of nested layers."""

    def without_shapes(config):
        return {k: v for k, v in config.items() if k != "build_config"}

    return json.loads(json.dumps(item.get_config()), object_hook=without_shapes)


@pytest.mark.parametrize("case", named(OBJECTS))
def test_object_from_config_has_the_same_config(case):
    item = case.make(lamina)
    assert as_json(rebuilt(item)) == as_json(item)


@pytest.mark.parametrize("case", named(LAYERS, without={"code", "host"}))
def test_layer_from_config_traces_to_the_same_program(case):
    layer = ready(lamina, case)
    twin = rebuilt(layer)
    assert as_json(twin) == as_json(layer)
    again = ready(lamina, case._replace(make=lambda k: twin))
    assert program(again, case) == program(layer, case)
