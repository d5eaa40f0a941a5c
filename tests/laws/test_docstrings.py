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
PUBLIC = {name: value for name, value in public_names() if callable(value)}
CALLABLES = {
    name: value
    for name, value in PUBLIC.items()
    if inspect.isclass(value) or inspect.isfunction(value)
}
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


def has_example(value) -> bool:
    text = inspect.cleandoc(value.__doc__)
    example = re.search(r"^Example:\n((?:[ ]{4}.*\n?|\n)+)", text, re.MULTILINE)
    if example is None:
        return False
    return ">>> " in example[1] or value.__module__.startswith(tuple(BLOCKS))


def test_public_names_have_an_example():
    assert [name for name, value in PUBLIC.items() if not has_example(value)] == []


def test_examples_of_public_names_are_found():
    finder = doctest.DocTestFinder()
    modules = map(importlib.import_module, MODULES)
    found = {test.docstring for module in modules for test in finder.find(module)}
    texts = {name: value.__doc__ for name, value in PUBLIC.items()}
    assert [
        n for n, text in texts.items() if ">>> " in text and text not in found
    ] == []


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


def test_documented_arguments_exist():
    unknown = {n: {*documented(v)} - {*accepted(v)} for n, v in CALLABLES.items()}
    assert {name: names for name, names in unknown.items() if names} == {}


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


def test_arguments_are_documented():
    missing = {name: undocumented(value) for name, value in CALLABLES.items()}
    assert {name: names for name, names in missing.items() if names} == {}


def test_layers_document_their_shapes():
    texts = {
        name: inspect.cleandoc(value.__doc__)
        for name, value in LAYERS.items()
        if inspect.isclass(value) and issubclass(value, lamina.layers.Layer)
    }
    assert [name for name, text in texts.items() if "\nShape:\n" not in text] == []
