"""Look-up of names of old programs, and their public names today."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from types import FunctionType, ModuleType
from typing import NamedTuple

from lamina.compat.defaults import Release, release
from lamina.compat.finder import ROOTS, lookup
from lamina.compat.keras.backend.variables import backend
from lamina.compat.keras.functions import model_from_yaml
from lamina.compat.keras.layers import FORMER, TFSMLayer
from lamina.compat.tensorflow.base.variables import Variable

# Modules whose functions and classes old modules publish under other names.
_MODULES = (
    *("ops", "layers", "models", "losses", "metrics", "optimizers", "activations"),
    *("initializers", "regularizers", "constraints", "callbacks", "utils", "random"),
    *("config", "backend", "optimizers.schedules", "ops.image", "ops.nn", "tree"),
)


# Today's names of what lamina has for old programs only.
_REPLACED: Mapping[object, str] = {
    Variable: "Variable",
    backend: "backend.backend",
    TFSMLayer: "layers.TFSMLayer",
    model_from_yaml: "models.model_from_json",
}
# What Keras 3 has for `tf.keras` only, by the module below `keras.preprocessing`.
_KEPT = {
    "text": (
        *("Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence"),
        "tokenizer_from_json",
    ),
    "image": (
        *("DirectoryIterator", "ImageDataGenerator", "Iterator", "NumpyArrayIterator"),
    ),
    "sequence": ("TimeseriesGenerator", "make_sampling_table", "skipgrams"),
}


class Found(NamedTuple):
    """Object that a name of an old program stands for.

    Args:
        value: the module, class, function or other object.
        name: today's dotted name below the library, None if there is none.
    """

    value: object
    name: str | None

    @property
    def is_module(self) -> bool:
        """Whether it is a module."""
        return isinstance(self.value, ModuleType)


def resolve(qualified: str) -> Found | None:
    """Return what a dotted name that starts with `keras` or `tensorflow` stands for."""
    return _resolve(qualified, release())


@functools.cache
def _resolve(qualified: str, _release: Release) -> Found | None:
    if qualified.partition(".")[0] not in ROOTS:
        return None
    found = lookup(qualified)
    if found is None:
        return None
    value, home = found
    if is_former(value):
        return Found(value, f"layers.{FORMER[value.__name__].new}")
    if getattr(value, "__module__", "") == "lamina.compat.files":
        return Found(value, f"models.{value.__name__}")
    if isinstance(value, (type, FunctionType)) and value in _REPLACED:
        return Found(value, _REPLACED[value])
    is_named = home is not None or not isinstance(value, (type, FunctionType))
    return Found(value, home if is_named else public_name(value))


def kept_in(value: object, root: str) -> str | None:
    """Return the module that has a former part of `keras.preprocessing`, or None.

    Args:
        value: a class or function.
        root: name of the library in the program.
    """
    module, name = getattr(value, "__module__", ""), getattr(value, "__name__", "")
    if not module.startswith("lamina.compat.keras.preprocessing"):
        return None
    if root != "keras":
        return module
    path = next((path for path, names in _KEPT.items() if name in names), None)
    return None if path is None else f"keras._tf_keras.keras.preprocessing.{path}"


def is_former(value: object) -> bool:
    """Return whether a function makes a layer that has another name today."""
    module = getattr(value, "__module__", "")
    name = getattr(value, "__name__", "")
    return module == "lamina.compat.keras.layers" and name in FORMER


def public_name(value: object, name: str = "") -> str | None:
    """Return the dotted name of a public object of lamina.

    Args:
        value: a module, class or function.
        name: the name that is preferred if it has several.
    """
    if isinstance(value, ModuleType):
        is_public = hasattr(value, "__all__") and "compat" not in value.__name__
        is_lamina = value.__name__.partition(".")[0] == "lamina"
        return value.__name__.partition(".")[2] if is_lamina and is_public else None
    names = _public_names().get(id(value), [])
    return next((n for n in names if n.rpartition(".")[2] == name), (*names, None)[0])


@functools.cache
def _public_names() -> dict[int, list[str]]:
    """Return the public names of classes and functions by their identity."""
    found: dict[int, list[str]] = {}
    for path in ("", *_MODULES):
        module = importlib.import_module(f"lamina.{path}".rstrip("."))
        for name in module.__all__:
            value = getattr(module, name)
            if isinstance(value, (type, FunctionType)):
                names = found.setdefault(id(value), [])
                names.append(f"{path}.{name}" if path else name)
    return found
