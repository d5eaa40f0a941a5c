"""Functions of TensorFlow that programs with tf.keras use, on JAX and NumPy.

Arrays are those of JAX; text is in NumPy arrays.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina import ops
from lamina.core.variable import Variable as _Variable
from lamina.lazy import lazy_attributes

bool = "bool"
float16, float32, float64, bfloat16 = "float16", "float32", "float64", "bfloat16"
int8, int16, int32, int64 = "int8", "int16", "int32", "int64"
uint8, uint16, uint32, uint64 = "uint8", "uint16", "uint32", "uint64"
string = "string"
newaxis = None
Tensor = jax.Array
TensorShape = tuple

# Functions whose positional arguments are those of lamina's.
SAME = {
    **{
        f"reduce_{name}": name
        for name in ("sum", "mean", "max", "min", "prod", "any", "all", "std", "var")
    },
    **{
        name: name
        for name in (
            *("abs", "add", "argmax", "argmin", "argsort", "cast", "cos", "cumsum"),
            *("divide", "einsum", "equal", "exp", "eye", "floor", "greater", "less"),
            *("linspace", "logical_and", "logical_not", "logical_or", "matmul"),
            *("maximum", "minimum", "multiply", "negative", "not_equal", "ones"),
            *("ones_like", "reshape", "round", "sign", "sin", "sort", "sqrt", "square"),
            *("stack", "stop_gradient", "subtract", "tanh", "tensordot", "tile"),
            *("unstack", "where", "zeros", "zeros_like", "sigmoid", "greater_equal"),
            *("less_equal", "roll", "meshgrid"),
        )
    },
    "pow": "power",
    "range": "arange",
}
__getattr__ = lazy_attributes(
    __name__, **{name: f"lamina.ops:{target}" for name, target in SAME.items()}
)


class Variable(_Variable):
    """Variable with the arguments of TensorFlow.

    Args:
        initial_value: the value.
        trainable: whether training changes it.
        name: its name.
        dtype: element type; that of the value by default.
    """

    def __init__(
        self,
        initial_value: Any,
        trainable: Any = True,
        validate_shape: Any = True,
        name: str | None = None,
        dtype: Any = None,
        **_: Any,
    ) -> None:
        value = jnp.asarray(initial_value, dtype)
        super().__init__(value, dtype=str(value.dtype), trainable=trainable, name=name)


class Text(np.ndarray):
    """Array of text, with the method `numpy` of TensorFlow's tensors."""

    def numpy(self) -> np.ndarray:
        """Return a plain array."""
        return np.asarray(self)


def text(value: Any) -> Any:
    """Return an array of text as `Text`, other values as they are."""
    array = np.asarray(value)
    return array.astype(object).view(Text) if array.dtype.kind in "OSU" else value


def constant(value: Any, dtype: Any = None, shape: Any = None, name: Any = None) -> Any:
    """Return an array; text stays on the host."""
    found = text(value)
    if isinstance(found, Text):
        return found
    array = jnp.asarray(value, None if dtype == "string" else dtype)
    return array if shape is None else jnp.broadcast_to(array, shape)


def convert_to_tensor(value: Any, dtype: Any = None, name: Any = None) -> Any:
    """Return an array; text stays on the host."""
    return constant(value, dtype)


def is_tensor(x: Any) -> Any:
    """Return whether a value is an array of JAX."""
    return isinstance(x, jax.Array)


def concat(values: Sequence[Any], axis: int, name: Any = None) -> Any:
    """Concatenate arrays, also of text."""
    if any(isinstance(text(value), Text) for value in values):
        return np.concatenate(values, axis).view(Text)
    return ops.concatenate(list(values), axis=axis)


def expand_dims(input: Any, axis: int = -1, name: Any = None) -> Any:
    """Insert an axis, also into an array of text."""
    found = text(input)
    if isinstance(found, Text):
        return np.expand_dims(found, axis)
    return ops.expand_dims(input, axis)


def squeeze(input: Any, axis: Any = None, name: Any = None) -> Any:
    """Remove axes of size 1."""
    return ops.squeeze(input, axis=axis)


def transpose(a: Any, perm: Sequence[int] | None = None, name: Any = None) -> Any:
    """Reorder the axes; reverse them by default."""
    return ops.transpose(a, axes=None if perm is None else list(perm))


def gather(params: Any, indices: Any, axis: int = 0, **_: Any) -> Any:
    """Return the items with these indices along an axis."""
    return ops.take(params, indices, axis=axis)


def one_hot(indices: Any, depth: int, dtype: Any = "float32", **_: Any) -> Any:
    """Return a row for each index, with a one at it."""
    return ops.one_hot(indices, depth, dtype=dtype)


def clip_by_value(
    t: Any, clip_value_min: Any, clip_value_max: Any, name: Any = None
) -> Any:
    """Limit values to a range."""
    return ops.clip(t, clip_value_min, clip_value_max)


def fill(dims: Any, value: Any, name: Any = None) -> Any:
    """Return an array filled with a value."""
    return jnp.full(dims, value)


def shape(input: Any, **_: Any) -> Any:
    """Return the shape."""
    return ops.shape(input)


def rank(input: Any, **_: Any) -> int:
    """Return the number of axes."""
    return len(input.shape)


def size(input: Any, **_: Any) -> int:
    """Return the number of elements."""
    return ops.size(input)


def split(value: Any, num_or_size_splits: Any, axis: int = 0, **_: Any) -> list[Any]:
    """Split an array into equal parts, or into parts of the given sizes."""
    if isinstance(num_or_size_splits, (list, tuple)):
        ends = np.cumsum(num_or_size_splits)[:-1]
        return list(jnp.split(value, ends.tolist(), axis))
    return list(jnp.split(value, num_or_size_splits, axis))


def identity(input: Any, name: Any = None) -> Any:
    """Return the value."""
    return input


def function(func: Callable[..., Any] | None = None, **_: Any) -> Any:
    """Return the function itself: it runs operation by operation."""
    return func if func is not None else identity


def device(device_name: Any) -> contextlib.AbstractContextManager[None]:
    """Return a block in which nothing changes: JAX places arrays."""
    return contextlib.nullcontext()


def executing_eagerly() -> Any:
    """Return true: there are no sessions."""
    return True


def get_logger() -> logging.Logger:
    """Return the logger "tensorflow", to which nothing is written."""
    return logging.getLogger("tensorflow")
