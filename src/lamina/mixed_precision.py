"""Dtype policies under the names of `keras.mixed_precision`."""

from __future__ import annotations

from lamina.core.dtypes import DTypePolicy, dtype_policy, set_dtype_policy
from lamina.core.dtypes import DTypePolicy as Policy
from lamina.core.dtypes import dtype_policy as global_policy
from lamina.core.dtypes import set_dtype_policy as set_global_policy

__all__ = [
    "DTypePolicy",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]


def __dir__() -> list[str]:
    return __all__
