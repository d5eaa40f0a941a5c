"""Models: `Sequential`, `Functional`, subclasses of `Model`, and their graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec

from lamina import saving
from lamina.core.registry import Registry
from lamina.lazy import origins_of
from lamina.models.cloning import clone_model
from lamina.models.convert import model_from_json
from lamina.models.model import Functional, Model
from lamina.models.sequential import Sequential
from lamina.saving import save_model

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]


def __dir__() -> list[str]:
    return __all__


P = ParamSpec("P")


def _returning_model(function: Callable[P, Any]) -> Callable[P, Model]:
    # `saving` is imported before `models`, so its annotation cannot name the class.
    return function


load_model = _returning_model(saving.load_model)

# Keras's files name the class `Functional` by the module that defines it.
Registry("model", "keras.src.models.functional").add(Functional)
registry = Registry("model", "keras")
registry.add(Functional, Model, Sequential)
Registry("model", "keras.utils").add_lazy(
    {"FeatureSpace": "lamina.models.feature_space:FeatureSpace"}
)
Registry("feature", "keras.src.layers.preprocessing.feature_space").add_lazy(
    origins_of("lamina.models", {"feature_kinds": ("Cross", "Feature")})
)
