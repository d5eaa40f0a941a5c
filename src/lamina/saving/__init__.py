"""Saving and loading of models, weights and serializable objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.custom_objects import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
)
from lamina.core.custom_objects import (
    register_serializable as register_keras_serializable,
)
from lamina.core.registry import deserialize as deserialize_keras_object
from lamina.core.registry import serialize as serialize_keras_object
from lamina.lazy import lazy_attributes, origins_of

if TYPE_CHECKING:
    from lamina.io.load_report import LoadReport
    from lamina.saving.file_editor import KerasFileEditor
    from lamina.saving.keras_zip import load_model, save_model
    from lamina.saving.weight_files import load_weights, save_weights
else:
    _NAMES = {
        "file_editor": ("KerasFileEditor",),
        "keras_zip": ("load_model", "save_model"),
        "weight_files": ("load_weights", "save_weights"),
    }
    __getattr__ = lazy_attributes(
        __name__,
        LoadReport="lamina.io.load_report:LoadReport",
        **origins_of(__name__, _NAMES),
    )

__all__ = [
    "CustomObjectScope",
    "KerasFileEditor",
    "LoadReport",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]


def __dir__() -> list[str]:
    return __all__
