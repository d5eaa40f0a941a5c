"""keras-hub: models as with Keras 3.15.1, and presets in both directions."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.packages import hub_models

if importlib.util.find_spec("keras_hub") is None:
    pytest.skip("keras-hub is not installed", allow_module_level=True)
pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.parametrize("name", hub_models.MODELS),
]
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, _installed) -> Path:
    return tmp_path_factory.mktemp("presets")


@pytest.fixture(scope="module")
def found(folder) -> dict[str, dict[str, Any]]:
    """Return the results of lamina by the model's name."""
    return {
        name: hub_models.results(name, folder / f"lamina-{name}")
        for name in hub_models.MODELS
    }


@pytest.fixture(scope="module")
def expected(found, folder) -> dict[str, dict[str, Any]]:
    """Return the results of Keras, in a process that does not import lamina."""
    subprocess.run([sys.executable, hub_models.__file__, str(folder)], check=True)
    return {name: dict(np.load(folder / f"{name}.npz")) for name in found}


def test_model_computes_and_trains_as_with_keras(name, found, expected):
    ours, theirs = found[name], expected[name]
    assert ours["paths"] == theirs["paths"].tolist()
    for key in theirs.keys() - {"paths", "loaded"}:
        np.testing.assert_allclose(ours[key], theirs[key], **CLOSE, err_msg=key)
    assert not np.allclose(ours["outputs"], ours["trained"], **CLOSE)


def test_preset_is_loaded_by_lamina_and_by_keras(name, found, expected, folder):
    ours = hub_models.loaded(name, folder / f"lamina-{name}")
    np.testing.assert_allclose(ours, found[name]["trained"], **CLOSE)
    np.testing.assert_allclose(expected[name]["loaded"], ours, **CLOSE)
    backbone = type(hub_models.made(name)[0].backbone)
    backbone.from_preset(str(folder / f"lamina-{name}"))


def test_preset_of_keras_is_loaded(name, expected, folder):
    ours = hub_models.loaded(name, folder / f"keras-{name}")
    np.testing.assert_allclose(ours, expected[name]["trained"], **CLOSE)
