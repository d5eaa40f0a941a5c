"""Names of element types, and the policies that pair a compute and a storage type."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from lamina import config
from lamina.config import dtype_policy, set_dtype_policy
from lamina.errors import ArgumentError, did_you_mean

__all__ = [
    "KNOWN_DTYPES",
    "DTypePolicy",
    "dtype_policy",
    "set_dtype_policy",
    "standardize_dtype",
]

_PYTHON_TYPES = {int: "int32", bool: "bool", str: "string"}
KNOWN_DTYPES = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
    "float8_e4m3fn",
    "float8_e5m2",
    "string",
    "int4",
    "uint4",
]


def standardize_dtype(dtype: Any) -> str:
    """The name of an element type: `"float32"`, `"int32"`, ...

    Args:
        dtype: a name, a NumPy, JAX or torch type, `float`, `int`, `bool`, or `None`
            for `config.floatx()`.

    Raises:
        ArgumentError: the type is unknown.
    """
    if dtype is None or dtype is float:
        return config.floatx()
    if isinstance(dtype, type) and dtype in _PYTHON_TYPES:
        return _PYTHON_TYPES[dtype]
    name = dtype if isinstance(dtype, str) else str(dtype)
    if name.startswith("torch."):
        name = name.removeprefix("torch.")
    if name not in KNOWN_DTYPES:
        known = _name_of(dtype)
        # NumPy has types, of objects and of any length, that arrays here can't have.
        if known not in KNOWN_DTYPES and not hasattr(jnp, known):
            hint = did_you_mean(name, KNOWN_DTYPES)
            raise ArgumentError(f"Unknown dtype: {dtype!r}.{hint}")
        name = known
    return name


def _name_of(dtype: Any) -> str:
    # NumPy evaluates what it takes for shapes and lists of fields in a text.
    if isinstance(dtype, str) and not dtype.lstrip("<>=|").isidentifier():
        return ""
    try:
        return jnp.dtype(dtype).name
    except (TypeError, ValueError):
        return ""


def is_float(dtype: Any) -> bool:
    """Whether an element type is a floating-point type."""
    return jnp.issubdtype(dtype, jnp.floating)


def array_dtype(value: Any) -> Any:
    """The element type of an array or scalar, without making an array of it."""
    dtype = getattr(value, "dtype", None)
    return np.asarray(value).dtype if dtype is None else dtype


class DTypePolicy:
    """Which type a layer computes in and which it stores its variables in.

    Args:
        name: a float type for both, or `"mixed_bfloat16"` / `"mixed_float16"`:
            computing in 16 bits on variables of 32 (Micikevicius et al. 2018,
            https://arxiv.org/abs/1710.03740).

    Example:
        >>> DTypePolicy("mixed_bfloat16").compute_dtype
        'bfloat16'
    """

    def __init__(self, name: str | None = None) -> None:
        name = config.floatx() if name is None else name
        mixed = isinstance(name, str) and name.startswith("mixed_")
        compute = name.removeprefix("mixed_") if mixed else name
        if mixed and compute not in ("bfloat16", "float16"):
            hint = did_you_mean(name, ["mixed_bfloat16", "mixed_float16"])
            raise ArgumentError(f"Unknown dtype policy: {name!r}.{hint}")
        self.compute_dtype = standardize_dtype(compute)
        self.variable_dtype = "float32" if mixed else self.compute_dtype
        self.name = name if mixed else self.compute_dtype

    @classmethod
    def get(cls, value: Any) -> DTypePolicy:
        """A policy from a policy, a name, an element type, a config or `None`."""
        if isinstance(value, DTypePolicy):
            return value
        if value is None:
            return dtype_policy()
        if isinstance(value, dict):
            return cls.from_config(value.get("config", value))
        if isinstance(value, str) and value.startswith("mixed_"):
            return cls(value)
        return cls(standardize_dtype(value))

    def get_config(self) -> dict[str, str]:
        """The constructor's arguments."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, str]) -> DTypePolicy:
        """The policy that `get_config` describes."""
        name = config.get("name") if isinstance(config, dict) else None
        if not isinstance(name, str):
            raise ArgumentError(
                f"The config of a dtype policy has no name: {config!r}."
            )
        return cls(name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"DTypePolicy({self.name!r})"


config.policy_of[:] = [DTypePolicy.get]
