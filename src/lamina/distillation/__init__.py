"""Distillation: a small model learns from the outputs of a trained one."""

from __future__ import annotations

from lamina.distillation.distiller import Distiller
from lamina.distillation.losses import (
    DistillationLoss,
    FeatureDistillation,
    LogitsDistillation,
)

__all__ = [
    "DistillationLoss",
    "Distiller",
    "FeatureDistillation",
    "LogitsDistillation",
]


def __dir__() -> list[str]:
    return __all__
