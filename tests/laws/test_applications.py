"""The image models have the layers, weights and files of Keras's."""

from __future__ import annotations

import pytest

import lamina
from lamina import applications
from tests.oracles import observe
from tests.oracles.families import recorded
from tests.tables.applications import FUNCTIONS, STRUCTURES, TITLES


def named(cases):
    return [pytest.param(case, id=case.name) for case in cases]


@pytest.mark.parametrize("case", named(STRUCTURES))
def test_layers_and_weights_are_those_of_keras(case):
    observed = observe.architecture(lamina, case)
    expected = recorded("architectures")[case.name]
    assert observed["sizes"].tolist() == expected["sizes"].tolist()
    assert observed["hash"] == expected["hash"], (
        "to see the first difference, run python -m tools.compare_applications"
    )


@pytest.mark.parametrize("case", named(FUNCTIONS))
def test_files_of_weights_are_those_of_keras(case):
    observed = observe.weight_files(lamina, case)["files"]
    expected = recorded("weight_files")[case.name]["files"]
    assert observed.tolist() == expected.tolist()


def test_every_model_is_in_the_table():
    public = {name for name in applications.__all__ if name[0].isupper()}
    assert public == set(TITLES)
    assert len(TITLES) == 40
