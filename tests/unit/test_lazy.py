"""Attributes and values that are imported on first use."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import SourceFileLoader
from importlib.util import spec_from_file_location
from types import ModuleType

import pytest

import lamina
from lamina import layers
from lamina.layers.base.layer import layer_registry
from lamina.layers.lazy import ALIASES, FUNCTIONS, LAZY
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


class SlowLoader(SourceFileLoader):
    """Loader that lets other threads run before the module is in `sys.modules`."""

    def create_module(self, spec):
        time.sleep(0.2)


class SlowFinder:
    """Finder of the package `slow_package`."""

    def __init__(self, folder):
        self.file = str(folder / "__init__.py")

    def find_spec(self, name, path=None, target=None):
        if name != "slow_package":
            return None
        loader = SlowLoader(name, self.file)
        return spec_from_file_location(name, self.file, loader=loader)


def test_threads_import_a_package_and_its_module_at_once(tmp_path, monkeypatch):
    (tmp_path / "__init__.py").write_text("from slow_package import part")
    (tmp_path / "part.py").write_text("VALUE = 3")
    monkeypatch.setattr(sys, "meta_path", [SlowFinder(tmp_path), *sys.meta_path])
    origins = ["slow_package:part", "slow_package.part:VALUE"] * 2
    with ThreadPoolExecutor(len(origins)) as pool:
        found = list(pool.map(lambda origin: LazyImport(origin).load(), origins))
    package, part = map(sys.modules.pop, ["slow_package", "slow_package.part"])
    assert package.part is part
    assert found == [part, 3] * 2


def loaded_after(statement):
    """Modules in a fresh Python."""
    code = f"{statement}; import sys; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    return set(subprocess.check_output(command, text=True).split())


def test_import_of_the_package_loads_no_families_of_layers():
    loaded = loaded_after("import lamina")
    late = {origin.partition(":")[0] for origin in LAZY.values()}
    assert "lamina.layers" in loaded and late.isdisjoint(loaded)
    assert {"lamina.models", "lamina.training"}.isdisjoint(loaded)


def test_a_layer_loads_its_family_only():
    loaded = loaded_after("from lamina.layers import Dense; Dense(1)")
    assert "lamina.layers.core.dense" in loaded
    assert {"lamina.layers.recurrent", "lamina.layers.pooling"}.isdisjoint(loaded)


# What finds an object by name before the module of the object is imported.
BY_NAME = [
    "lamina.layers.deserialize({'class_name': 'GRU', 'config': {'units': 3}})",
    "lamina.saving.deserialize_keras_object({'class_name': 'Sequential', 'module': "
    "'keras', 'config': {'layers': []}})",
    "lamina.saving.deserialize_keras_object({'class_name': 'SGD', 'module': "
    "'keras.optimizers', 'config': {}})",
    "lamina.saving.deserialize_keras_object('mse')",
    "__import__('pickle').loads(b'clamina.layers.core.dense\\nDense\\n.')(3)",
    "lamina.layers.Activation('relu')",
    "lamina.losses.get('mse')",
    "lamina.Variable('ones', (2, 2)) + 1",
    "__import__('copy').deepcopy(lamina.layers.MaxPool2D(2))",
]


# A child for each one has imported `lamina` only.
EACH_IN_A_CHILD = f"""
import os, sys, traceback, lamina
for expression in {BY_NAME!r}:
    child = os.fork()
    if child == 0:
        try:
            assert eval(expression) is not None
        except BaseException:
            print(expression, traceback.format_exc(), flush=True)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status:
        print(expression, status, flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_names_are_found_before_their_module_is_imported():
    command = [sys.executable, "-c", EACH_IN_A_CHILD]
    assert subprocess.check_output(command, text=True) == ""


@pytest.mark.parametrize("module", [lamina, layers])
def test_type_checkers_see_the_names_that_are_imported_on_first_use(module):
    tree = ast.parse(inspect.getsource(module))
    block = next(n for n in tree.body if isinstance(n, ast.If))
    typed = [n for n in ast.walk(block) if isinstance(n, ast.ImportFrom)]
    for node in typed:
        for alias in node.names:
            origin = LazyImport(f"{node.module}:{alias.name}")
            assert origin.load() is getattr(module, alias.name)
    names = {alias.name for node in typed for alias in node.names}
    assert names <= set(module.__all__)
    if module is layers:
        assert names == {*LAZY, *FUNCTIONS}


@pytest.mark.parametrize("name", LAZY)
def test_lazy_layers_are_public_and_known_to_files(name):
    assert name in layers.__all__
    assert layer_registry.find(name) is getattr(layers, name)


@pytest.mark.parametrize("name", ALIASES)
def test_aliases_of_layers_are_public(name):
    assert name in layers.__all__
    assert getattr(layers, name) in {getattr(layers, other) for other in LAZY}
