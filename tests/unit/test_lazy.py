"""Attributes of modules that are imported on first use."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from lamina.lazy import lazy_attributes


@pytest.fixture
def module(monkeypatch):
    module = ModuleType("lazy_module")
    module.__getattr__ = lazy_attributes(
        "lazy_module", colors="colorsys", to_hsv="colorsys:rgb_to_hsv"
    )
    monkeypatch.setitem(sys.modules, "lazy_module", module)
    return module


def test_attribute_is_imported_on_first_use_and_kept(module, monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    assert "colorsys" not in sys.modules
    assert module.colors is sys.modules["colorsys"]
    assert module.to_hsv is module.colors.rgb_to_hsv
    assert {"colors", "to_hsv"} <= set(vars(module))


def test_unknown_attribute_is_an_attribute_error(module):
    with pytest.raises(AttributeError, match="'lazy_module' has no attribute 'colour'"):
        _ = module.colour
