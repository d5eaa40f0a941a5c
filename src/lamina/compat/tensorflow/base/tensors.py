"""Tensors of TensorFlow: arrays of JAX, and NumPy arrays of the host for text.

Data sets compute in NumPy too, so that each small item is not sent to a device.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.compat.shapes import TensorShape
from lamina.compat.tensorflow.recording.record import recorded
from lamina.core.graph import SymbolicTensor
from lamina.core.tracing.trace_state import is_tracing
from lamina.core.variable import Variable as _Variable
from lamina.typing import DTypeLike, Shape


class DType(str):
    """Element type, a string with the attributes of TensorFlow's types."""

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (np.dtype, type)):
            with suppress(TypeError):  # of a class that is not an element type
                other = as_dtype(other)
        return super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    @property
    def name(self) -> str:
        """Its name."""
        return str(self)

    @property
    def base_dtype(self) -> DType:
        """The type itself: there are no types of references."""
        return self

    @property
    def as_numpy_dtype(self) -> Any:
        """NumPy's type."""
        return object if self == "string" else jnp.dtype(self).type

    @property
    def is_floating(self) -> bool:
        """True for floats."""
        return self != "string" and bool(jnp.issubdtype(self, jnp.floating))

    @property
    def is_integer(self) -> bool:
        """True for integers."""
        return self != "string" and bool(jnp.issubdtype(self, jnp.integer))

    @property
    def max(self) -> Any:
        """Largest value."""
        info = jnp.finfo if self.is_floating else jnp.iinfo
        return info(self).max

    @property
    def min(self) -> Any:
        """Smallest value."""
        info = jnp.finfo if self.is_floating else jnp.iinfo
        return info(self).min

    @property
    def limits(self) -> tuple[Any, Any]:
        """Smallest and largest value."""
        return self.min, self.max

    @property
    def size(self) -> int:
        """Number of bytes."""
        return jnp.dtype(self).itemsize


def as_dtype(type_value: DTypeLike) -> DType:
    """Return an element type from its name or NumPy's type."""
    if isinstance(type_value, str):
        return DType(type_value)
    found = jnp.dtype(type_value)
    return DType("string" if found.kind in "OSU" else found.name)


class TensorSpec:
    """Shape and element type of a tensor.

    Args:
        shape: sizes of the axes.
        dtype: element type.
        name: its name.
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = (),
        dtype: DTypeLike = "float32",
        name: str | None = None,
    ) -> None:
        self.shape, self.dtype = TensorShape(shape), as_dtype(dtype)
        self.name = name

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        """Return the shape and element type of a tensor."""
        return cls(tensor.shape, tensor.dtype, name)

    def is_compatible_with(self, spec_or_tensor: Any) -> bool:
        """Return whether a tensor can have this shape and element type."""
        same_type = as_dtype(spec_or_tensor.dtype) == self.dtype
        return same_type and self.shape.is_compatible_with(spec_or_tensor.shape)

    def __repr__(self) -> str:
        return f"TensorSpec(shape={tuple(self.shape)}, dtype=tf.{self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorSpec) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))


class HostTensor(np.ndarray):
    """Tensor in NumPy: text as bytes, or numbers within a data set."""

    @property
    def shape(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The shape."""
        return TensorShape(super().shape)

    def numpy(self) -> Any:
        """Return a plain array, or the bytes or number of a single one."""
        return np.asarray(self)[()]

    def get_shape(self) -> TensorShape:
        """Return the shape."""
        return TensorShape(self.shape)

    def set_shape(self, shape: object) -> None:
        """Do nothing: the shape is known."""

    def __array_wrap__(
        self, array: np.ndarray, context: object = None, return_scalar: bool = False
    ) -> Any:
        return array.view(HostTensor)

    def __getitem__(self, index: Any) -> Any:
        return on_host(super().__getitem__(index), self.dtype)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __add__(self, other: object) -> Any:
        return super().__add__(_bytes(other))

    def __radd__(self, other: object) -> Any:
        return super().__radd__(_bytes(other))

    def __eq__(self, other: object) -> Any:
        return super().__eq__(_bytes(other))

    def __ne__(self, other: object) -> Any:
        return super().__ne__(_bytes(other))

    __hash__ = None  # type: ignore[assignment]


# Tensors are immutable: `x /= 255` in a function of `map` must not change the source.
for _name in (
    *("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"),
    *("and", "or", "xor"),
):
    setattr(HostTensor, f"__i{_name}__", getattr(HostTensor, f"__{_name}__"))


def _bytes(value: object) -> Any:
    return value.encode() if isinstance(value, str) else value


def on_host(value: object, dtype: DTypeLike = None) -> HostTensor:
    """Return a value as a tensor of the host; text is encoded."""
    # NumPy's own strings of bytes lose zeros at their end.
    array = np.asarray(value, object if is_text(value) else dtype)
    if array.dtype.kind in "OSU":
        encoded = np.empty(array.shape, object)
        flat = array.astype(object).reshape(-1)
        encoded.reshape(-1)[:] = [_bytes(item) for item in flat]
        array = encoded
    return array.view(HostTensor)


def is_text(value: object) -> bool:
    """Return whether a value is text, or an array or list of text."""
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "OSU"
    return isinstance(value, (str, bytes))


def is_host(*values: object) -> bool:
    """Return whether there are tensors of the host, and none of a device."""
    leaves = [v for value in values for v in (*_items(value),)]
    device = (jax.Array, _Variable, SymbolicTensor)
    return any(isinstance(v, HostTensor) for v in leaves) and not any(
        isinstance(v, device) for v in leaves
    )


def is_size(value: object) -> bool:
    """Return whether a value is an integer on the host, or a list of them."""
    if isinstance(value, HostTensor):
        return value.dtype.kind == "i"
    if isinstance(value, (list, tuple)):
        return bool(value) and all(map(is_size, value))
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, (list, tuple)) else (value,)


def tensor(value: object) -> Any:
    """Return an item of a data set as a tensor: an array of JAX, or text."""
    if is_text(value):
        return on_host(value)
    array = np.asarray(value)
    return jax.device_put(array.view(np.ndarray))


# Numbers of TensorFlow's types, which some programs pass.
_NUMBERS = {1: "float32", 2: "float64", 3: "int32", 9: "int64", 10: "bool"}


def dtype_of(dtype: DTypeLike | int) -> Any:
    """Return the type that JAX uses for a type: those of 64 bits have 32."""
    dtype = _NUMBERS.get(dtype, "float32") if isinstance(dtype, int) else dtype
    return None if dtype is None else jax.dtypes.canonicalize_dtype(dtype)


_as_array = recorded(jnp.asarray)
_stack = recorded(jnp.stack)


def constant(
    value: object,
    dtype: DTypeLike = None,
    shape: Shape | None = None,
    name: str = "",
) -> Any:
    """Return a tensor; text stays on the host."""
    if is_text(value) or dtype == "string":
        return on_host(value, object)
    if isinstance(value, SymbolicTensor):
        return value
    if is_size(value) and is_tracing() and shape is None and "float" not in str(dtype):
        # Shapes that are computed must be known while a program is traced.
        return on_host(np.asarray(value, "int32" if dtype is None else str(dtype)))
    if isinstance(value, (list, tuple)) and any(
        isinstance(v, (jax.Array, _Variable)) for v in value
    ):
        array = _stack([_as_array(v, dtype_of(dtype)) for v in value])
    else:
        array = _as_array(value, dtype_of(dtype))
    if shape is None:
        return array
    sizes = tuple(shape)
    return array.reshape(sizes) if array.ndim else jnp.broadcast_to(array, sizes)


def convert_to_tensor(
    value: object,
    dtype: DTypeLike = None,
    dtype_hint: DTypeLike = None,
    name: str | None = None,
) -> Any:
    """Return a tensor; text stays on the host."""
    return constant(value, dtype)


def is_tensor(x: object) -> bool:
    """Return whether a value is a tensor or a variable."""
    return isinstance(x, (jax.Array, HostTensor, SymbolicTensor, _Variable))


def shape(input: Any, out_type: DTypeLike = None, name: str = "") -> Any:
    """Return the sizes as a tensor of the host; as a shape if one is not known."""
    sizes = tuple(input.shape if hasattr(input, "shape") else np.shape(input))
    dtype = "int32" if out_type is None else dtype_of(out_type)
    return TensorShape(sizes) if None in sizes else on_host(sizes, dtype)
