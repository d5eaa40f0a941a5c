"""`Variable`: a named array of a model, metric or optimizer."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from numpy.typing import ArrayLike

from lamina.core.check import Check, check_arguments, initial_array, one_of, optional
from lamina.core.dtypes import is_float, standardize_dtype
from lamina.core.process import host_array, is_split, put, use_device
from lamina.core.scope import local, override, traced_assignment_error
from lamina.core.untrusted import check_size
from lamina.errors import ArgumentError, ShapeError, StateError
from lamina.tracebacks import filter_traceback
from lamina.typing import DTypeLike, Initializer, InitializerLike

# Held while a model is built and while a dispatch replaces values, so that another
# thread reads all variables of a model at the same step.
state_lock = threading.RLock()

_CHECKS = {
    "aggregation": optional(one_of("none", "mean", "sum", "only_first_replica")),
    "synchronization": optional(one_of("none", "auto", "on_read", "on_write")),
    "layout": optional(
        Check("a TensorLayout", lambda v: hasattr(v, "backend_layout"), ("model",))
    ),
}
_KEPT_FLOATS = ("float16", "bfloat16", "float32")
_version = [0]
# More values would clutter a printed list of variables.
_MAX_SHOWN = 16
# `initializers` sets it: `core` cannot import the package.
_get_initializer: list[Callable[[str], Initializer]] = []


def register_initializers(get: Callable[[str], Initializer]) -> None:
    """Set the function that returns an initializer by its name."""
    _get_initializer[:] = [get]


def structure_version() -> int:
    """Return a counter that grows when a variable or module is created or attached."""
    return _version[0]


def bump_structure_version() -> None:
    """Record that a structure has changed."""
    _version[0] += 1


class Storage:
    """The array of a variable, and a donation buffer that a program may overwrite.

    Args:
        array: the array; zeros of NumPy for a value that `deferred_init` makes.
    """

    def __init__(self, array: Any) -> None:
        self.array = array
        self.aliased = False  # whether others may use the array
        self.sharding: Any = None  # on which devices; `None` where JAX puts arrays
        self.distribution: Any = None  # the one that chose the sharding
        self._donation_buffer: jax.Array | None = None

    def __getstate__(self) -> dict[str, Any]:
        if self.sharding is None:
            return vars(self) | {"_donation_buffer": None}
        # A copy is on one device: the process that loads it may have no more.
        array = jnp.asarray(host_array(self.array))
        return vars(self) | vars(Storage(array))

    def is_uninitialized(self) -> bool:
        """Return whether the array has a shape and a type, but no values."""
        return isinstance(self.array, np.ndarray)

    def set(self, array: jax.Array, aliased: bool = False) -> None:
        """Set the array, on the devices of the variable."""
        if self.sharding is not None and array.sharding != self.sharding:
            array = put(array, self.sharding)
        self.array, self.aliased = array, aliased

    def retire(self, array: jax.Array, aliased: bool) -> None:
        """Make a replaced array the donation buffer, unless others may use it."""
        self._donation_buffer = None if aliased else array

    def take_donation_buffer(self) -> Any:
        """Return an array of this shape and type that a program may overwrite."""
        buffer, self._donation_buffer = self._donation_buffer, None
        array = self.array
        return np.empty(array.shape, array.dtype) if buffer is None else buffer

    def drop_donation_buffer(self) -> None:
        """Release the donation buffer."""
        self._donation_buffer = None


class Variable:
    """A named array that can be assigned to, such as a weight.

    Args:
        initializer: an array-like, the name of an initializer, or a function of
            `(shape, dtype)`.
        shape: needed when `initializer` is a name or a function.
        dtype: element type; `None` for that of the value, or `config.floatx()`.
        trainable: whether `fit` may change it by gradients.
        autocast: whether reading it casts to the layer's compute type.
        aggregation: how replicas combine: "none", "mean", "sum" or
            "only_first_replica"; accepted for Keras's files and code.
        synchronization: when replicas combine: "none", "auto", "on_read" or "on_write";
            accepted for Keras's code.
        name: shown in paths and summaries.
        layout: a `lamina.distribution.TensorLayout`; by default, the distribution in
            use selects the devices.

    Raises:
        ShapeError: an assigned value has another shape.
        StateError: the first value is traced, or an assigned one cannot leave the
            function that is traced.

    Example:
        >>> counter = Variable([1.0, 2.0], name="counter")
        >>> counter.assign_add([1.0, 1.0])
        Array([2., 3.], dtype=float32)
    """

    # Whether assigning a tracer does nothing instead of raising an error: so for seeds
    # and statistics of layers, which a function that the user traces can do without.
    ignores_tracers = False

    @filter_traceback
    def __init__(
        self,
        initializer: InitializerLike | ArrayLike,
        shape: Sequence[int] | None = None,
        dtype: DTypeLike = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str | None = "auto",
        name: str | None = None,
        layout: object = None,
    ) -> None:
        values = {
            "aggregation": aggregation,
            "synchronization": synchronization,
            "layout": layout,
        }
        check_arguments("Variable", _CHECKS, values)
        self.name = name or "variable"
        self.path = "/".join((*local.names, self.name))
        self._trainable = self.initially_trainable = trainable
        self.autocast = autocast
        self.aggregation = aggregation or "none"
        self.synchronization = synchronization or "none"
        self.regularizer: Callable[..., Any] | None = None
        self.constraint: Callable[..., Any] | None = None
        self.layout = layout
        # The variable whose optimizer state this is; both have one sharding.
        self.slot_of: Variable | None = None
        self.storage = Storage(_initial_value(self, initializer, shape, dtype))
        bump_structure_version()

    def __getstate__(self) -> dict[str, Any]:
        self.storage.aliased = True  # a shallow copy has the same array
        return vars(self) | {"storage": copy.copy(self.storage)}

    @property
    def trainable(self) -> bool:
        """True if `fit` may change it by gradients."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = value
        bump_structure_version()

    @property
    def raw(self) -> jax.Array:
        """The stored array, whatever scope is active."""
        if local.uninitialized is not None and self.storage.is_uninitialized():
            # Shapes are being inferred: nothing is computed from these zeros.
            return jnp.zeros(self.shape, self.dtype)
        return self.storage.array

    @raw.setter
    def raw(self, value: jax.Array) -> None:
        self.storage.set(value)

    @property
    def value(self) -> jax.Array:
        """The current array, as bound and cast by the active scopes."""
        value = self._current()
        cast = local.autocast
        if cast is not None and self.autocast and is_float(value.dtype):
            return value.astype(cast)
        return value

    @filter_traceback
    def assign(self, value: ArrayLike) -> jax.Array:
        """Replace the value and return the new array."""
        new = _assignable(self, value)
        if local.state is None:
            if isinstance(new, Tracer):
                if self.ignores_tracers:
                    return new
                raise traced_assignment_error(self)
            # The caller may still use the array that was passed.
            self.storage.set(new, aliased=True)
        else:
            local.state.write(self, new)
        return new

    def _current(self) -> jax.Array:
        if local.state is not None:
            return local.state.read(self)
        with state_lock:
            # Training may overwrite old values, but not an array that was returned.
            self.storage.aliased = True
            return self.storage.array

    def assign_add(self, value: ArrayLike) -> jax.Array:
        """Add to the value and return the new array."""
        return self.assign(self._current() + _plain(value))

    def assign_sub(self, value: ArrayLike) -> jax.Array:
        """Subtract from the value and return the new array."""
        return self.assign(self._current() - _plain(value))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape, a tuple."""
        return self.storage.array.shape

    @property
    def dtype(self) -> str:
        """The name of the element type."""
        return self.storage.array.dtype.name

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.storage.array.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self.storage.array.size

    def numpy(self) -> np.ndarray:
        """Return a copy of the value as a NumPy array."""
        return np.array(host_array(self._current()))

    def __array__(
        self, dtype: DTypeLike = None, copy: bool | None = None
    ) -> np.ndarray:
        return np.array(host_array(self._current()), dtype=dtype)

    def __jax_array__(self) -> jax.Array:
        return self.value

    # NumPy arrays on the left of an operator leave it to the variable.
    __array_priority__ = 1000

    def __len__(self) -> int:
        return len(self.storage.array)

    def __iter__(self) -> Iterator[jax.Array]:
        return iter(self.value)

    def __float__(self) -> float:
        return float(self._current())

    def __int__(self) -> int:
        return int(self._current())

    def __bool__(self) -> bool:
        return bool(self._current())

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        text = f"path={self.path}, shape={self.shape}, dtype={self.dtype}"
        return f"<Variable {text}{_shown_value(self)}>"


def _initial_value(
    variable: Variable,
    initializer: InitializerLike | ArrayLike,
    shape: Sequence[int] | None,
    dtype: DTypeLike,
) -> Any:
    """Return the first array of a variable."""
    if isinstance(initializer, Tracer):
        raise StateError(
            f"Variable {variable.name!r} is created from a value that JAX is tracing, "
            "which is not known yet. Create it from a shape and an initializer, or "
            "before the function is traced."
        )
    # A variable created while a program is traced still needs a concrete array.
    with jax.ensure_compile_time_eval():
        if isinstance(initializer, str):
            initializer = _get_initializer[0](initializer)
        if not callable(initializer):
            return _converted(initializer, dtype)
        if shape is None:
            raise ArgumentError(
                "Variable: `shape` is needed when `initializer` is a function. "
                "Received: shape=None."
            )
        dims, dtype = tuple(int(n) for n in shape), standardize_dtype(dtype)
        check_size(variable.name, dims, dtype)
        if local.uninitialized is not None:
            local.uninitialized.append((variable, initializer))
            return np.broadcast_to(np.zeros((), jnp.dtype(dtype)), dims)
        return _on_device(initial_array(variable.name, initializer, dims, dtype))


def _converted(value: object, dtype: DTypeLike) -> jax.Array:
    """Return a copy of a value on the device, by default in its own type."""
    if dtype is None:
        array = np.asarray(value)
        dtype = None if array.dtype.kind in "biuc" else standardize_dtype(None)
        # Floats of 16 and 32 bits keep their type, unless they are Python's.
        if hasattr(value, "dtype") and array.dtype.name in _KEPT_FLOATS:
            dtype = array.dtype.name
    if isinstance(value, jax.Array):
        return jnp.array(value, dtype)
    return _on_device(np.array(value, dtype and jnp.dtype(dtype)))


def _assignable(variable: Variable, value: Any) -> jax.Array:
    """Return a value as an array of a variable's type and shape."""
    if isinstance(value, Variable):
        value = value.value
    use_device()
    if local.state is None and isinstance(value, float):
        # Else JAX compiles a conversion.
        value = np.array(value, variable.storage.array.dtype)
    new = jnp.asarray(value, variable.dtype)
    if new.shape != variable.shape:
        raise ShapeError(
            f"Variable {variable.path!r} has shape {variable.shape}; "
            f"a value of shape {new.shape} cannot be assigned to it."
        )
    return new


def _shown_value(variable: Variable) -> str:
    """Return the values for a printed variable, if they are few and known."""
    array, size = variable.storage.array, variable.size
    is_hidden = local.state is not None or variable.storage.is_uninitialized()
    if is_hidden or size > _MAX_SHOWN or is_split(array) or array.is_deleted():
        return ""
    values = np.array2string(np.asarray(array), separator=", ")
    return f", value={' '.join(values.split())}"


def snapshot(variables: Iterable[Variable]) -> list[jax.Array]:
    """Return the values of variables, all from the same training step."""
    with state_lock:
        return [v._current() for v in variables]  # pyright: ignore[reportPrivateUsage]


def _plain(value: ArrayLike) -> jax.Array:
    return value.value if isinstance(value, Variable) else jnp.asarray(value)


def _on_device(value: ArrayLike) -> jax.Array:
    use_device()
    # `jnp.asarray` compiles a program for each new shape of a NumPy array.
    return (
        jax.device_put(value) if isinstance(value, np.ndarray) else jnp.asarray(value)
    )


@contextmanager
def deferred_init() -> Iterator[None]:
    """Defer initializers to the end of this block, in which a file is loaded.

    Until its value is assigned, a variable has a shape and a type but takes no memory.
    At the end, initializers run for the variables that the file has no value for.
    """
    deferred: list[tuple[Any, Initializer]] = []
    with override(uninitialized=deferred):
        yield
        for variable, initializer in deferred:
            if variable.storage.is_uninitialized():
                given = variable.name, initializer, variable.shape, variable.dtype
                variable.raw = _on_device(initial_array(*given))
