"""Configs of objects in the form of Keras 2, under the path of Keras."""

from __future__ import annotations

from lamina.saving.legacy.serialization import (
    deserialize_keras_object,
    serialize_keras_object,
)

__all__ = ["deserialize_keras_object", "serialize_keras_object"]


def __dir__() -> list[str]:
    return __all__
