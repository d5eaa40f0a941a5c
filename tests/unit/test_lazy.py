"""Attributes and values that are imported on first use."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

from lamina import layers
from lamina.layers.base.layer import layer_registry
from lamina.layers.lazy import LAZY
from lamina.lazy import LazyImport, LazyTable, lazy_attributes


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


def test_table_imports_a_value_on_the_first_lookup(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    table = LazyTable(to_hsv=LazyImport("colorsys:rgb_to_hsv"), other=3)
    assert "to_hsv" in table and "colorsys" not in sys.modules
    assert table.get("to_hsv") is table["to_hsv"] is sys.modules["colorsys"].rgb_to_hsv
    assert table.get("missing", 2) == 2


def test_import_of_the_package_loads_no_layers_for_images():
    code = "import sys, lamina; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    late = {origin.partition(":")[0] for origin in LAZY.values()}
    assert "lamina.layers" in loaded and late.isdisjoint(loaded)


@pytest.mark.parametrize("name", LAZY)
def test_lazy_layers_are_public_and_known_to_files(name):
    assert name in layers.__all__
    assert layer_registry.find(name) is getattr(layers, name)
