"""Dtype policies: the dtypes of a layer's computation and of its weights."""

from __future__ import annotations

from typing import Any

from lamina.core import registry
from lamina.core.dtypes import DTypePolicy, DTypePolicyMap
from lamina.core.dtypes import DTypePolicy as FloatDTypePolicy
from lamina.core.dtypes import get_dtype_policy as get
from lamina.errors import ArgumentError, shown

__all__ = [
    "DTypePolicy",
    "DTypePolicyMap",
    "FloatDTypePolicy",
    "deserialize",
    "get",
    "serialize",
]


def __dir__() -> list[str]:
    return __all__


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """Return the config of a dtype policy.

    Args:
        dtype_policy: a policy.

    Example:
        >>> serialize(DTypePolicy("mixed_bfloat16"))["config"]
        {'name': 'mixed_bfloat16'}
    """
    return registry.serialize(dtype_policy)


def deserialize(
    config: dict[str, Any], custom_objects: dict[str, Any] | None = None
) -> DTypePolicy:
    """Create a dtype policy from its config.

    Args:
        config: a config returned by `serialize`.
        custom_objects: user-defined classes, by name.

    Raises:
        ArgumentError: the config describes another object.

    Example:
        >>> deserialize(serialize(DTypePolicy("mixed_bfloat16"))).compute_dtype
        'bfloat16'
    """
    policy = registry.deserialize(config, custom_objects)
    if not isinstance(policy, DTypePolicy):
        raise ArgumentError(
            f"The config must be that of a dtype policy, got {shown(config)}."
        )
    return policy
