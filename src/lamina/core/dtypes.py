"""Names of element types, and policies of a compute type and a variable type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from lamina import config
from lamina.config import dtype_policy
from lamina.core.check import check_new_key, matching_key
from lamina.errors import ArgumentError, ArgumentTypeError, did_you_mean, invalid, shown
from lamina.tracebacks import filter_traceback
from lamina.typing import Config, DTypeLike

_PYTHON_TYPES = {int: "int32", bool: "bool", str: "string"}
KNOWN_DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
    *("float8_e4m3fn", "float8_e5m2", "string", "int4", "uint4"),
)


def standardize_dtype(dtype: DTypeLike) -> str:
    """Return the name of an element type: `"float32"`, `"int32"`, ...

    Args:
        dtype: a name, a NumPy, JAX or torch type, `float`, `int`, `bool`, or `None`
            for `config.floatx()`.

    Raises:
        ArgumentError: the element type is unknown.

    Example:
        >>> standardize_dtype(float), standardize_dtype(np.int8)
        ('float32', 'int8')
    """
    if dtype is None or dtype is float:
        return config.floatx()
    if isinstance(dtype, type) and dtype in _PYTHON_TYPES:
        return _PYTHON_TYPES[dtype]
    name = str(dtype).removeprefix("torch.")
    if name not in KNOWN_DTYPES:
        numpy_name = _numpy_name(dtype)
        # NumPy has types, of objects or of any length, that JAX arrays cannot have.
        if numpy_name not in KNOWN_DTYPES and not hasattr(jnp, numpy_name):
            hint = did_you_mean(name, KNOWN_DTYPES)
            raise ArgumentError(f"Unknown dtype: {dtype!r}.{hint}")
        name = numpy_name
    return name


def shape_to_trace(shape: Sequence[int], dtype: DTypeLike) -> jax.ShapeDtypeStruct:
    """Return the shape and type on the device of an array on the host.

    By default JAX replaces 64-bit types by 32-bit types.

    Raises:
        ArgumentTypeError: the type is that of strings.
    """
    if str(dtype) == "string":
        raise ArgumentTypeError(
            "The input holds strings, but numbers are needed. Put a layer before it: "
            "layers.TextVectorization() for texts, layers.StringLookup() for classes."
        )
    return jax.ShapeDtypeStruct(tuple(shape), jax.dtypes.canonicalize_dtype(dtype))


def _numpy_name(dtype: DTypeLike) -> str:
    # NumPy evaluates strings that it parses as shapes and lists of fields.
    if isinstance(dtype, str) and not dtype.lstrip("<>=|").isidentifier():
        return ""
    try:
        return jnp.dtype(dtype).name
    except (TypeError, ValueError):
        return ""


def is_float(dtype: str | type | np.dtype[Any]) -> bool:
    """Return whether an element type is a floating-point type."""
    return jnp.issubdtype(dtype, jnp.floating)


class DTypePolicy:
    """Policy of the type that a layer computes in and that of its variables.

    Args:
        name: a float type for both, or `"mixed_bfloat16"` / `"mixed_float16"`:
            compute in 16 bits with variables of 32 bits (Micikevicius et al. 2018,
            https://arxiv.org/abs/1710.03740).

    Example:
        >>> DTypePolicy("mixed_bfloat16").compute_dtype
        'bfloat16'
    """

    @filter_traceback
    def __init__(self, name: str | None = None) -> None:
        if name is None:
            name = dtype_policy().name
        if not isinstance(name, str):
            raise ArgumentTypeError(
                f"DTypePolicy: `name` must be a string such as 'mixed_bfloat16', got "
                f"{shown(name)}. `lamina.dtype_policies.get` takes element types too."
            )
        mixed = name.startswith("mixed_")
        compute = name.removeprefix("mixed_")
        if mixed and compute not in ("bfloat16", "float16"):
            hint = did_you_mean(name, ["mixed_bfloat16", "mixed_float16"])
            raise ArgumentError(f"Unknown dtype policy: {name!r}.{hint}")
        self.compute_dtype = standardize_dtype(compute)
        self.variable_dtype = "float32" if mixed else self.compute_dtype
        self.name = name if mixed else self.compute_dtype

    @property
    def quantization_mode(self) -> None:
        """Always `None`: this policy does not quantize."""
        return None

    def convert_input(self, x: Any, autocast: bool, dtype: DTypeLike) -> Any:
        """Convert an input of a layer to an array, and floats to an element type.

        Args:
            x: a NumPy or JAX array, a variable or a symbolic tensor; other values are
                returned as they are.
            autocast: whether to convert floats.
            dtype: the element type.
        """
        if not hasattr(x, "__array__"):
            return x
        if not hasattr(x, "astype") or isinstance(x, np.ndarray):
            x = jnp.asarray(x)
        name = standardize_dtype(dtype)
        return x.astype(name) if autocast and is_float(x.dtype) else x

    def get_config(self) -> Config:
        """Return the constructor's arguments."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: Config) -> DTypePolicy:
        """Return the policy that `get_config` describes."""
        if not isinstance(config, dict) or "name" not in config:
            raise ArgumentError(
                f"The config of a dtype policy has no name: {shown(config)}."
            )
        return cls(config["name"])

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


PolicyLike: TypeAlias = DTypeLike | DTypePolicy | Config
"""An element type, a policy or its config; `None` for the global policy."""


class DTypePolicyMap(DTypePolicy, MutableMapping[str, DTypePolicy]):
    """Dtype policies of layers by path, for the `dtype` of a layer with sublayers.

    A key is a layer's path, such as `"encoder/dense"`, or a regular expression that
    matches whole paths, such as `"encoder/.*"`. An exact key comes first; a path that
    no key matches has the default policy.

    Args:
        default_policy: a policy or its name; the global policy when `None`.
        policy_map: policies or their names, by key.

    Raises:
        ArgumentError: a key is set twice, its expression repeats too much, or a path
            matches several expressions.

    Example:
        >>> policies = DTypePolicyMap("float32", {"encoder/.*": "mixed_bfloat16"})
        >>> policies["encoder/dense"], policies["decoder"]
        (<DTypePolicy "mixed_bfloat16">, <DTypePolicy "float32">)
    """

    @filter_traceback
    def __init__(
        self,
        default_policy: PolicyLike = None,
        policy_map: Mapping[str, PolicyLike] | None = None,
    ) -> None:
        if isinstance(default_policy, DTypePolicyMap):
            raise invalid(
                "DTypePolicyMap", "default_policy", default_policy, "a single policy"
            )
        if policy_map is not None and not isinstance(policy_map, dict):
            raise ArgumentTypeError(
                f"DTypePolicyMap: `policy_map` must be a dict, got {shown(policy_map)}."
            )
        self.default_policy = get_dtype_policy(default_policy)
        self.name = f"map_{self.default_policy.name}"
        self.compute_dtype = self.default_policy.compute_dtype
        self.variable_dtype = self.default_policy.variable_dtype
        # A default that was not given depends on the process that loads the map.
        self._default_name = default_policy and self.default_policy.name
        self._policies: dict[str, DTypePolicy] = {}
        for key, policy in (policy_map or {}).items():
            self[key] = policy

    def __getitem__(self, key: str) -> DTypePolicy:
        found = matching_key("DTypePolicyMap", self._policies, key)
        return self.default_policy if found is None else self._policies[found]

    def __setitem__(self, key: str, policy: PolicyLike) -> None:
        check_new_key("DTypePolicyMap", self._policies, key)
        policy = get_dtype_policy(policy)
        if isinstance(policy, DTypePolicyMap):
            raise invalid("DTypePolicyMap", "policy", policy, "a single policy")
        self._policies[key] = policy

    def __delitem__(self, key: str) -> None:
        del self._policies[key]

    def __contains__(self, key: object) -> bool:
        return key in self._policies

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def __len__(self) -> int:
        return len(self._policies)

    def pop(self, key: str, *default: object) -> Any:
        """Remove a key and return its policy."""
        return self._policies.pop(key, *default)

    def __bool__(self) -> bool:
        return True

    def get_config(self) -> Config:
        policies = {key: policy_config(policy) for key, policy in self.items()}
        return {"default_policy": self._default_name, "policy_map": policies}

    @classmethod
    def from_config(cls, config: Config) -> DTypePolicyMap:
        return cls(**config)

    def __repr__(self) -> str:
        mapping = [(key, policy.name) for key, policy in self.items()]
        return (
            f"<DTypePolicyMap default_policy={self.default_policy.name}, "
            f"mapping={mapping}>"
        )


def get_dtype_policy(identifier: PolicyLike) -> DTypePolicy:
    """Return a dtype policy.

    Args:
        identifier: a policy, its name, an element type, a config, or `None` for the
            global policy.

    Raises:
        ArgumentError: the name is unknown.

    Example:
        >>> get_dtype_policy("mixed_bfloat16").variable_dtype
        'float32'
    """
    if isinstance(identifier, DTypePolicy):
        return identifier
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, dict):
        name = identifier.get("class_name", "DTypePolicy")
        if name not in POLICY_CLASSES:
            raise ArgumentError(
                f"Unknown class of dtype policies: {shown(name)}. Known: "
                f"{', '.join(POLICY_CLASSES)}."
            )
        return POLICY_CLASSES[name].from_config(identifier.get("config", identifier))
    if isinstance(identifier, str) and identifier.startswith("mixed_"):
        return DTypePolicy(identifier)
    return DTypePolicy(standardize_dtype(identifier))


POLICY_CLASSES: dict[Any, type[DTypePolicy]] = {
    "DTypePolicy": DTypePolicy,
    "FloatDTypePolicy": DTypePolicy,
    "DTypePolicyMap": DTypePolicyMap,
}


def policy_config(policy: DTypePolicy) -> Config:
    """Return a policy's class and arguments, as Keras writes them."""
    name = type(policy).__name__
    return {
        "module": "keras" if name == "DTypePolicy" else "keras.dtype_policies",
        "class_name": name,
        "config": policy.get_config(),
        "registered_name": None,
    }


config.register_policies(get_dtype_policy)
