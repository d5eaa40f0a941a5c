"""Saving and loading a model restores every layer."""

from __future__ import annotations

import pytest

import lamina
from lamina.errors import FileFormatError
from tests.laws.close import assert_close, assert_trees_close, program
from tests.oracles.observe import draw_weights, placeholders
from tests.tables.cases import named
from tests.tables.layers import LAYERS

# Exclude layers called with a second array: cell states, or the value of attention.
CASES = [case for case in LAYERS if not {"states", "value"} & {*case.call}]


@pytest.mark.parametrize("case", named(CASES, without={"code", "merges"}))
def test_layer_is_restored_from_file(case, tmp_path):
    layer = case.make(lamina)
    case.prepare(layer)
    batch = case.inputs[0].shape[0] if "remembers" in case.traits else None
    inputs = placeholders(lamina, case, batch)
    model = lamina.Model(inputs, layer(inputs))
    draw_weights(model)
    model.save(tmp_path / "model.keras")
    twin = lamina.models.load_model(tmp_path / "model.keras")
    assert [w.name for w in twin.weights] == [w.name for w in model.weights]
    assert_trees_close(twin.get_weights(), model.get_weights())
    if "host" in case.traits:
        assert_close(twin.layers[-1](case.argument), case.expected)
    else:
        bare = case._replace(call={})
        assert program(twin.layers[-1], bare) == program(layer, bare)


@pytest.mark.parametrize(
    "case", named(case for case in LAYERS if "code" in case.traits)
)
def test_function_code_is_not_loaded_from_a_file(case, tmp_path):
    x = placeholders(lamina, case, None)
    model = lamina.Model(x, case.make(lamina)(x))
    model.save(tmp_path / "model.keras")
    with pytest.raises(FileFormatError, match="never runs code"):
        lamina.models.load_model(tmp_path / "model.keras")
