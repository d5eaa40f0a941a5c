"""`tf.Variable`, whose slices can be assigned to."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer

from lamina import ops
from lamina.compat.patches.apply import extend_patches
from lamina.compat.patches.layers import ARRAY_CLASSES
from lamina.compat.tensorflow.base.tensors import DType, TensorShape, dtype_of
from lamina.core.scope import override
from lamina.core.variable import Variable as _Variable
from lamina.ops.types import Tensor
from lamina.typing import Array, ArrayLike, DTypeLike


class Variable(_Variable):
    """Variable with the arguments of TensorFlow.

    Args:
        initial_value: the value, or a function without arguments that returns it.
        trainable: whether tapes watch it and training changes it.
        validate_shape: has no effect: the shape is that of the value.
        caching_device: has no effect.
        name: its name.
        variable_def: has no effect.
        dtype: element type; that of the value by default.
        **unused: further arguments without effect, such as `shape`.
    """

    def __init__(
        self,
        initial_value: Tensor | Callable[[], Any],
        trainable: bool | None = True,
        validate_shape: bool = True,
        caching_device: object = None,
        name: str | None = None,
        variable_def: object = None,
        dtype: DTypeLike = None,
        **unused: object,
    ) -> None:
        value = initial_value() if callable(initial_value) else initial_value
        array = jnp.asarray(value, dtype_of(dtype))
        super().__init__(
            array, dtype=str(array.dtype), trainable=trainable is not False, name=name
        )

    @property
    def shape(self) -> Any:
        """The shape."""
        return TensorShape(super().shape)

    @property
    def dtype(self) -> DType:
        """The element type."""
        return DType(super().dtype)

    def assign(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        value: ArrayLike,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Replace the value and return the variable."""
        with override(recorder=None):  # an assignment has no gradient
            super().assign(jnp.array(value, self.dtype))
        return self

    def assign_add(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        delta: ArrayLike,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Add to the value and return the variable."""
        with override(recorder=None):
            return self.assign(self.value + jnp.asarray(delta, self.dtype))

    def assign_sub(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        delta: ArrayLike,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Any:
        """Subtract from the value and return the variable."""
        return self.assign_add(-jnp.asarray(delta, self.dtype))

    def read_value(self) -> Array:
        """Return the value."""
        return self.value

    def numpy(self) -> Any:
        """Return the value as an array, or as a number of NumPy."""
        return super().numpy()[()]

    def get_shape(self) -> TensorShape:
        """Return the shape."""
        return self.shape


def _scatter(method: str) -> Callable[..., Any]:
    """Return a method that changes rows of a variable and returns the variable."""

    def call(variable: Variable, sparse_delta: IndexedSlices, *_: object) -> Any:
        rows = jnp.asarray(sparse_delta.indices)
        values = jnp.asarray(sparse_delta.values, variable.dtype)
        return variable.assign(getattr(variable.value.at[rows], method)(values))

    return call


def _scatter_nd(method: str) -> Callable[..., Any]:
    """Return a method that changes items of a variable and returns the variable."""

    def call(
        variable: Variable,
        indices: ArrayLike,
        updates: ArrayLike,
        name: str | None = None,
    ) -> Any:
        places = tuple(jnp.moveaxis(jnp.asarray(indices), -1, 0))
        values = jnp.asarray(updates, variable.dtype)
        return variable.assign(getattr(variable.value.at[places], method)(values))

    return call


for _name, _method in (
    *(("update", "set"), ("add", "add"), ("sub", "subtract")),
    *(("mul", "multiply"), ("div", "divide"), ("max", "max"), ("min", "min")),
):
    setattr(Variable, f"scatter_{_name}", _scatter(_method))
    if _name not in ("mul", "div"):
        setattr(Variable, f"scatter_nd_{_name}", _scatter_nd(_method))


def slice_of(variable: _Variable, index: Any) -> Any:
    """Return a part of a variable, which can be assigned to."""
    found = ops.get_item(variable, index)
    if isinstance(found, jax.Array) and not isinstance(found, Tracer):
        extend_patches(_slice_patches)
        _remember(found, variable, index)
    return found


# Variables and indices of slices, by the `id` of the slice, for `v[0].assign(1.0)`.
_slices: dict[int, tuple[weakref.ref[Any], _Variable, Any]] = {}


def _remember(part: Array, variable: _Variable, index: object) -> None:
    key, remove = id(part), _slices.pop
    _slices[key] = weakref.ref(part, lambda _: remove(key, None)), variable, index


def _assign_slice(part: Array, value: ArrayLike) -> Any:
    """Assign to the part of a variable that an array was read from."""
    found = _slices.get(id(part))
    if found is None or found[0]() is not part:
        raise AttributeError(
            "A tensor cannot be assigned to, only a variable and its slices can."
        )
    _, variable, index = found
    return variable.assign(variable.value.at[index].set(jnp.asarray(value)))


def _slice_patches() -> Iterator[tuple[type, str, Any]]:
    for cls in ARRAY_CLASSES:
        yield cls, "assign", _assign_slice


class IndexedSlices(NamedTuple):
    """Rows of a tensor, and their indices.

    Args:
        values: the rows.
        indices: their indices.
        dense_shape: shape of the whole.
    """

    values: Any
    indices: Any
    dense_shape: Any = None


class VariableAggregation:
    """Names of aggregations, which have no effect: there is one device."""

    NONE, SUM, MEAN, ONLY_FIRST_REPLICA = 0, 1, 2, 3


class VariableSynchronization:
    """Names of synchronizations, which have no effect: there is one device."""

    AUTO, NONE, ON_WRITE, ON_READ = 0, 1, 2, 3
