"""An object made from another's config has that config, and computes the same."""

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
    """A copy by way of JSON, which is what a file holds."""
    config = json.loads(json.dumps(item.get_config()))
    return type(item).from_config(config)


def as_json(item):
    """The config, without the shapes that layers inside it happen to be built for."""

    def without_shapes(config):
        return {k: v for k, v in config.items() if k != "build_config"}

    return json.loads(json.dumps(item.get_config()), object_hook=without_shapes)


@pytest.mark.parametrize("case", named(OBJECTS))
def test_config_makes_the_same_object(case):
    item = case.make(lamina)
    assert as_json(rebuilt(item)) == as_json(item)


@pytest.mark.parametrize("case", named(LAYERS, without={"code", "host"}))
def test_layer_from_config_is_the_same_layer(case):
    layer = ready(lamina, case)
    twin = rebuilt(layer)
    assert as_json(twin) == as_json(layer)
    again = ready(lamina, case._replace(make=lambda k: twin))
    assert program(again, case) == program(layer, case)
