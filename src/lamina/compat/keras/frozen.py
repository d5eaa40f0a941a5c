"""Layers that are frozen or released after `compile`, which decided what is trained.

Old programs compile the discriminator of a GAN, freeze it, and compile the GAN with it.
The discriminator is trained nevertheless, alone or within another model.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from lamina.compat.defaults import Release, release
from lamina.compat.notices import tell

if TYPE_CHECKING:
    from lamina.layers import Layer
    from lamina.models import Model


def wrap_compile(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `compile` that stores which layers are trained."""

    @functools.wraps(function)
    def call(model: Model, *args: object, **options: object) -> Any:
        vars(model)["_trained_as_compiled"] = _trained(model.all_layers())
        return function(model, *args, **options)

    return call


def wrap_training(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that trains the layers that `compile` found trainable."""

    @functools.wraps(function)
    def call(model: Model, *args: object, **options: object) -> Any:
        compiled = vars(model).get("_trained_as_compiled", [])
        before = _trained(layer for layer, _ in compiled)
        if release() == Release.KERAS_3 or before == compiled:
            return function(model, *args, **options)
        tell("trainable set after compile", "trainable set before each training")
        _set_trained(compiled)
        try:
            return function(model, *args, **options)
        finally:
            _set_trained(before)

    return call


def _trained(layers: Iterable[Any]) -> list[tuple[Layer, bool]]:
    return [(layer, layer.trainable) for layer in layers]


def _set_trained(values: Iterable[tuple[Layer, bool]]) -> None:
    """Set `trainable` of layers, of which those that have others come first."""
    for layer, value in values:
        layer.trainable = value
