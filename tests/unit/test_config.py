"""Settings of the process."""

from __future__ import annotations

from pathlib import Path

import pytest

import lamina
from lamina import config, layers
from lamina.errors import ArgumentError


def test_backend_is_jax():
    assert config.backend() == lamina.backend.backend() == "jax"


def test_float_type_is_that_of_new_weights():
    assert config.floatx() == "float32"
    config.set_floatx("float16")
    assert config.floatx() == "float16"
    layer = layers.Dense(1)
    layer.build((None, 2))
    assert layer.kernel.dtype == "float16"
    with pytest.raises(ArgumentError, match="`value` must be one of"):
        config.set_floatx("int32")


def test_epsilon_is_a_setting():
    assert config.epsilon() == 1e-7
    config.set_epsilon(1e-3)
    assert config.epsilon() == 1e-3


def test_determinism_is_a_setting():
    assert not config.is_deterministic()
    config.enable_determinism()
    assert config.is_deterministic()


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"LAMINA_COMPILE_CACHE": "off"}, None),
        ({"LAMINA_COMPILE_CACHE": "/some/folder"}, Path("/some/folder")),
        ({"XDG_CACHE_HOME": "/cache"}, Path("/cache/lamina/xla")),
    ],
)
def test_environment_selects_the_cache_folder(variables, folder, monkeypatch):
    monkeypatch.delenv("LAMINA_COMPILE_CACHE", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert config.cache_folder() == folder


def test_checks_are_silenced_by_one_code_or_several():
    config.set_checks(silence="unscaled-input")
    assert config.silenced_checks() == {"unscaled-input"}
    config.set_checks(silence=["unscaled-input", "unused-units"])
    assert config.silenced_checks() == {"unscaled-input", "unused-units"}
