"""Docstrings run, and name the arguments that exist."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re

import jax.numpy as jnp
import numpy as np
import pytest

import lamina
from lamina.compat import tensorflow
from tools.api_snapshot import public_names

LAYERS = {name: getattr(lamina.layers, name) for name in lamina.layers.__all__}
# What an example may use without importing it.
KNOWN = {
    **LAYERS,
    "lamina": lamina,
    "np": np,
    "jnp": jnp,
    "tf": tensorflow,
}
MODULES = ["lamina"]
MODULES += [module.name for module in pkgutil.walk_packages(lamina.__path__, "lamina.")]
CALLABLES = [
    pytest.param(value, id=name)
    for name, value in public_names()
    if inspect.isclass(value) or inspect.isfunction(value)
]
# Modules with examples that are blocks of code, which are not run, and why.
BLOCKS = {
    "lamina.applications": "large models take seconds, and weights are downloaded",
    "lamina.data.files.directories": "they need folders of files",
    "lamina.datasets": "data is downloaded",
    "lamina.distillation.distiller": "two models must be compiled",
    "lamina.layers.external": "they need optional packages",
    "lamina.training.callbacks.monitoring.orbax_checkpoint": "it needs Orbax",
    "lamina.trackers": "they need optional packages",
    "lamina.training.checkpoint.folder": "it changes the filters of warnings",
}


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(module)
    result = doctest.testmod(
        module,
        globs={**KNOWN, **vars(module)},
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    assert result.failed == 0


@pytest.mark.parametrize(
    "value",
    [pytest.param(v, id=name) for name, v in public_names() if callable(v)],
)
def test_has_an_example(value):
    text = inspect.cleandoc(value.__doc__)
    example = re.search(r"^Example:\n((?:[ ]{4}.*\n?|\n)+)", text, re.MULTILINE)
    assert example is not None
    assert ">>> " in example[1] or value.__module__.startswith(tuple(BLOCKS))


def test_examples_of_public_names_are_found():
    finder = doctest.DocTestFinder()
    modules = map(importlib.import_module, MODULES)
    found = {test.docstring for module in modules for test in finder.find(module)}
    values = [value for _, value in public_names() if callable(value)]
    assert [v for v in values if ">>> " in v.__doc__ and v.__doc__ not in found] == []


def documented(value) -> list[str]:
    """The names in the `Args:` section."""
    text = inspect.cleandoc(value.__doc__ or "")
    section = re.search(r"^Args:\n((?:[ ]{4}.*\n?|\n)+)", text, re.MULTILINE)
    names = re.findall(
        r"^ {4}(\*{0,2}\w+(?:, \w+)*):", section[1] if section else "", re.M
    )
    return [name for group in names for name in group.replace("*", "").split(", ")]


def accepted(value) -> list[str]:
    """Arguments of a function, or of a class's constructor and its bases'."""
    owners = inspect.getmro(value) if inspect.isclass(value) else [value]
    names = []
    for owner in owners:
        function = vars(owner).get("__init__") if inspect.isclass(owner) else owner
        if inspect.isfunction(function):
            names += inspect.signature(function).parameters
    return names


@pytest.mark.parametrize("value", CALLABLES)
def test_documented_arguments_exist(value):
    unknown = set(documented(value)) - set(accepted(value))
    assert unknown == set()


def undocumented(value) -> set[str]:
    """A function may say all in a line; whatever has a list of arguments lists all,
    and so does every class that takes any."""
    listed = set(documented(value))
    function = vars(value).get("__init__") if inspect.isclass(value) else value
    if not inspect.isfunction(function) or not (listed or inspect.isclass(value)):
        return set()
    if inspect.isclass(value) and not function.__qualname__.startswith(value.__name__):
        return set()  # the constructor of a base with another default
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(function).parameters.values()
    expected = {p.name for p in parameters if p.kind not in kinds}
    if "kwargs" in listed and inspect.isclass(value):  # "kwargs: as for `Optimizer`."
        listed |= {name for base in value.__mro__[1:] for name in documented(base)}
    return expected - {"self", "name", "dtype"} - listed


@pytest.mark.parametrize("value", CALLABLES)
def test_arguments_are_documented(value):
    assert undocumented(value) == set()


@pytest.mark.parametrize(
    "layer",
    [
        pytest.param(value, id=name)
        for name, value in LAYERS.items()
        if inspect.isclass(value) and issubclass(value, lamina.layers.Layer)
    ],
)
def test_layer_documents_its_shapes(layer):
    assert "\nShape:\n" in inspect.cleandoc(layer.__doc__)
