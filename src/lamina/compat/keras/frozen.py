"""Models that are frozen after `compile`, which Keras 1 and 2 train nevertheless.

Old programs compile the discriminator of a GAN, freeze it, and compile the GAN with it:
`compile` decides what is trained.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lamina.compat.defaults import Release, release
from lamina.compat.notices import tell

if TYPE_CHECKING:
    from lamina.models import Model


def noting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `compile` that notes which layers are frozen, if not all are."""

    @functools.wraps(function)
    def call(model: Model, *args: object, **options: object) -> Any:
        layers = model.all_layers()
        frozen = [layer for layer in layers if not layer.trainable]
        vars(model)["_frozen_before"] = None if model in frozen else tuple(frozen)
        return function(model, *args, **options)

    return call


def training(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that trains what was not frozen when `compile` was called."""

    @functools.wraps(function)
    def call(model: Model, *args: object, **options: object) -> Any:
        frozen = vars(model).get("_frozen_before")
        if release() == Release.KERAS_3 or frozen is None or model.trainable:
            return function(model, *args, **options)
        tell("trainable = False after compile", "trainable = False until training")
        model.trainable = True
        for layer in frozen:
            layer.trainable = False
        try:
            return function(model, *args, **options)
        finally:
            model.trainable = False

    return call
