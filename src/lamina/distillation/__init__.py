"""Distillation: a small model learns from the outputs of a trained one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lamina.core.registry import Registry
from lamina.lazy import lazy_attributes, origins_of

__all__ = [
    "DistillationLoss",
    "Distiller",
    "FeatureDistillation",
    "LogitsDistillation",
]

if TYPE_CHECKING:
    from lamina.distillation.distiller import Distiller
    from lamina.distillation.losses import (
        DistillationLoss,
        FeatureDistillation,
        LogitsDistillation,
    )
else:
    _ORIGINS = origins_of(
        __name__,
        {
            "distiller": ("Distiller",),
            "losses": (
                "DistillationLoss",
                "FeatureDistillation",
                "LogitsDistillation",
            ),
        },
    )
    __getattr__ = lazy_attributes(__name__, **_ORIGINS)
    Registry("distillation object", "keras.distillation").add_lazy(_ORIGINS)


def __dir__() -> list[str]:
    return __all__
