"""Dtype policies and loss scaling under the names of `keras.mixed_precision`."""

from __future__ import annotations

from lamina.config import dtype_policy, set_dtype_policy
from lamina.config import dtype_policy as global_policy
from lamina.config import set_dtype_policy as set_global_policy
from lamina.core.dtypes import DTypePolicy
from lamina.core.dtypes import DTypePolicy as Policy
from lamina.optimizers import LossScaleOptimizer

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]


def __dir__() -> list[str]:
    return __all__
