"""Functions of `keras.backend`: settings, element types, the session."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lamina.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from lamina.core.dtypes import is_float, standardize_dtype
from lamina.core.module import next_id
from lamina.typing import DTypeLike
from lamina.utils import clear_session, is_keras_tensor

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]

_NUMBERS: dict[DTypeLike, complex] = {int: 0, float: 0.0, complex: 0j}


def __dir__() -> list[str]:
    return __all__


def get_uid(prefix: str = "") -> int:
    """Return 1 on the first call for a prefix, then 2, 3, ...

    Automatic names of layers count too. `clear_session` restarts the counters.

    Args:
        prefix: any text.

    Example:
        >>> get_uid("my_block"), get_uid("my_block")
        (1, 2)
    """
    return next_id(prefix)


def is_float_dtype(dtype: DTypeLike) -> bool:
    """Return whether an element type is a floating-point type.

    Args:
        dtype: a name or a type.

    Example:
        >>> is_float_dtype("bfloat16"), is_float_dtype("int32")
        (True, False)
    """
    return is_float(standardize_dtype(dtype))


def is_int_dtype(dtype: DTypeLike) -> bool:
    """Return whether an element type is an integer type.

    Args:
        dtype: a name or a type.

    Example:
        >>> is_int_dtype("uint8"), is_int_dtype("float32")
        (True, False)
    """
    return jnp.issubdtype(standardize_dtype(dtype), jnp.integer)


def result_type(*dtypes: DTypeLike) -> str:
    """Return the element type of a sum of arrays of these types.

    Args:
        *dtypes: names or types. `int`, `float` and `complex` are those of Python
            numbers, which do not change the precision of arrays.

    Example:
        >>> result_type("int32", "float16"), result_type("int8", int), result_type()
        ('float16', 'int8', 'float32')
    """
    if not dtypes:
        return floatx()
    types = [_NUMBERS[d] if d in _NUMBERS else standardize_dtype(d) for d in dtypes]
    # JAX warns of 64-bit types and has another table of types without them.
    with jax.enable_x64(True):
        found = jnp.result_type(*types)
    return jax.dtypes.canonicalize_dtype(found).name
