"""Configs pass between Keras's files and lamina's objects, both ways."""

from __future__ import annotations

import json

import pytest

import lamina
from tests.oracles.families import CONFIGS, recorded
from tests.tables.cases import named

# Keras forgets these when it writes a file, or writes what follows from the rest.
LOST = {
    "losses.huber_delta": "delta",
    "losses.cosine_axis": "axis",
    "metrics.cosine_axis": "axis",
    "metrics.auc_thresholds": "num_thresholds",
    "initializers.identity_gain": "gain",
    "layers.multi_head_plain": "flash_attention",
}
LOSSES_AND_METRICS = [c for c in CONFIGS if c.name.startswith(("losses.", "metrics."))]
# Passes what else it is given on to its function.
WITH_FIXED_ARGUMENTS = [c for c in CONFIGS if c.name != "metrics.wrapped"]


def config(item):
    """The config by way of JSON, without names, which are automatic, and the shapes
    that layers inside happen to be built for; arrays as lists."""

    def kept(config):
        if config.get("class_name") == "__numpy__":
            return config["config"]["value"]
        left_out = ("name", "build_config")
        return {k: v for k, v in config.items() if k not in left_out}

    return json.loads(json.dumps(item.get_config()), object_hook=kept)


def rounded(value):
    """Keras writes some numbers as the nearest float32."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


@pytest.mark.parametrize("case", named(CONFIGS))
def test_keras_config_makes_the_same_object(case):
    file = json.loads(recorded("configs")[case.name]["file"].item())
    item = lamina.saving.deserialize_keras_object(file)
    layer = case.make(lamina)
    assert type(item) is type(layer)
    found, expected = rounded(config(item)), rounded(config(layer))
    if case.name in LOST:
        for config_of in (found, expected):
            config_of.pop(LOST[case.name], None)
    assert found == expected


@pytest.mark.parametrize("case", named(LOSSES_AND_METRICS))
def test_config_has_the_entries_that_keras_writes(case):
    file = json.loads(recorded("configs")[case.name]["file"].item())
    extra = {LOST.get(case.name)}
    assert set(case.make(lamina).get_config()) - extra == set(file["config"]) - extra


@pytest.mark.parametrize("case", named(WITH_FIXED_ARGUMENTS))
def test_keras_accepts_what_lamina_writes(case):
    module, item = case.name.rpartition(".")[0], case.make(lamina)
    accepted = recorded("signatures")[module][type(item).__name__]
    assert set(item.get_config()) <= set(accepted)
