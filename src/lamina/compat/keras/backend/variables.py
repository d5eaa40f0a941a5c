"""Functions of `keras.backend` in Keras 1 and 2 for variables, graphs and phases."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from lamina import config, ops, random
from lamina.compat.defaults import Release, release
from lamina.compat.keras.backend import graphs
from lamina.compat.keras.backend.rules import (
    assigned_later,
    is_declaring,
    made_once,
)
from lamina.compat.notices import tell
from lamina.core.graph import SymbolicTensor, op
from lamina.core.scope import local
from lamina.core.tracing.scopes import name_scope as name_scope
from lamina.core.tracing.trace_state import is_tracing
from lamina.core.variable import Variable
from lamina.errors import MissingMethodError
from lamina.layers import Input
from lamina.typing import Array
from lamina.utils import clear_session

if TYPE_CHECKING:
    from lamina.compat.keras.backend.types import Shaped, Value
    from lamina.ops.types import Tensor
    from lamina.typing import DTypeLike, PartialShape, PyTree


@made_once
def variable(
    value: Value, dtype: DTypeLike = None, name: str | None = None, **_: object
) -> Variable:
    """Create a variable."""
    return Variable(np.asarray(value, dtype or config.floatx()), name=name)


def _created(array: Array | np.ndarray) -> Any:
    """Return a variable, or in a program that is traced the array."""
    is_traced = is_tracing() and not is_declaring()
    return array if is_traced else Variable(np.asarray(array))


def backend() -> str:
    """Return the name of the backend, in programs before Keras 3 `"tensorflow"`.

    They have other code for Theano, or refuse a backend that they do not know.
    """
    return "tensorflow" if release() < Release.KERAS_3 else config.backend()


def available_gpus() -> list[str]:
    """Return the names of the GPUs that JAX sees."""
    return [f"/gpu:{d.id}" for d in jax.devices() if d.platform in ("gpu", "cuda")]


@made_once
def zeros(
    shape: int | Sequence[int], dtype: DTypeLike = None, name: str | None = None
) -> Any:
    """Return a variable of zeros; in the call of a layer, an array."""
    return _created(np.zeros(shape, dtype or config.floatx()))


@made_once
def ones(
    shape: int | Sequence[int], dtype: DTypeLike = None, name: str | None = None
) -> Any:
    """Return a variable of ones; in the call of a layer, an array."""
    return _created(np.ones(shape, dtype or config.floatx()))


@made_once
def eye(
    size: int | list[int] | tuple[int, ...],
    dtype: DTypeLike = None,
    name: str | None = None,
) -> Any:
    """Return the identity matrix as a variable; in the call of a layer, an array."""
    sides = size if isinstance(size, (list, tuple)) else (size,)
    return _created(np.eye(*sides, dtype=dtype or config.floatx()))


@made_once
def random_uniform_variable(
    shape: Sequence[int],
    low: float,
    high: float,
    dtype: DTypeLike = None,
    name: str | None = None,
    **_: object,
) -> Any:
    """Return a variable of uniformly distributed numbers."""
    return _created(random.uniform(tuple(shape), low, high, dtype))


@made_once
def random_normal_variable(
    shape: Sequence[int],
    mean: float,
    scale: float,
    dtype: DTypeLike = None,
    name: str | None = None,
    **_: object,
) -> Any:
    """Return a variable of normally distributed numbers."""
    return _created(random.normal(tuple(shape), mean, scale, dtype))


def zeros_like(x: Tensor, dtype: DTypeLike = None, name: str | None = None) -> Any:
    """Return zeros of the same shape."""
    return ops.zeros_like(x, dtype)


def ones_like(x: Tensor, dtype: DTypeLike = None, name: str | None = None) -> Any:
    """Return ones of the same shape."""
    return ops.ones_like(x, dtype)


def is_variable(x: object) -> bool:
    """Return whether a value is a variable."""
    return isinstance(x, Variable)


def is_placeholder(x: object) -> bool:
    """Return whether a value is an input of a model."""
    return isinstance(x, SymbolicTensor) and x.node is None


def is_symbolic(x: object) -> bool:
    """Return whether a value is a tensor without values."""
    return isinstance(x, SymbolicTensor)


def get_variable_shape(x: Shaped) -> tuple[int | None, ...]:
    """Return the shape."""
    return tuple(x.shape)


def reset_uids() -> None:
    """Restart the numbers in automatic names."""
    clear_session()


def symbolic(function: Callable[..., Any]) -> Any:
    """Return the function itself."""
    return function


eager = symbolic


def control_dependencies(values: object) -> AbstractContextManager[None]:
    """Return a block in which nothing changes: operations run in their order."""
    return nullcontext()


def ctc_label_dense_to_sparse(labels: Tensor, label_lengths: Tensor) -> Any:
    """Raise an error: there are no sparse tensors.

    Raises:
        MissingMethodError: always.
    """
    raise MissingMethodError(
        "K.ctc_label_dense_to_sparse: lamina has no sparse tensors. "
        "`lamina.ops.ctc_loss` takes dense labels and their lengths."
    )


def constant(
    value: Value,
    dtype: DTypeLike = None,
    shape: int | Sequence[int] | None = None,
    name: str | None = None,
) -> Array:
    """Return an array, filled with a number if there is a shape."""
    array = np.asarray(value, dtype or config.floatx())
    return ops.convert_to_tensor(array if shape is None else np.full(shape, array))


def eval(x: Value) -> np.ndarray:
    """Return a value as a NumPy array."""
    return np.asarray(x)


@made_once
def get_value(x: Value) -> Any:
    """Return a variable's value as a NumPy array or number."""
    tell("K.get_value(x)", "x.numpy(), or float(x)")
    value = np.asarray(x)
    return value.item() if value.ndim == 0 else value


def set_value(x: Variable, value: Any) -> None:
    """Assign to a variable."""
    tell("K.set_value(x, value)", "x.assign(value)")
    x.assign(value)


def batch_get_value(tensors: Sequence[Any]) -> list[Any]:
    """Return the values of variables."""
    return [get_value(x) for x in tensors]


def batch_set_value(tuples: Sequence[tuple[Any, Any]]) -> None:
    """Assign to several variables."""
    for x, value in tuples:
        set_value(x, value)


class Phase(int):
    """1 in training, else 0; as an input of `K.function`, whether it trains."""


_phase: dict[str, int] = {}


def learning_phase() -> int:
    """Return 1 in training and 0 otherwise; layers get `training` as an argument."""
    tell("K.learning_phase()", "the argument `training` of the call")
    training = None if local.call is None else local.call.training
    return Phase(_phase.get("value", 0) if training is None else training)


def set_learning_phase(value: int) -> None:
    """Set what `learning_phase` returns outside of `fit`, `evaluate` and `predict`."""
    tell("K.set_learning_phase(value)", "the argument `training` of calls")
    _phase["value"] = int(value)


class Session:
    """Computes symbolic tensors, as the sessions of TensorFlow 1."""

    def run(self, fetches: PyTree, feed_dict: Mapping[Any, Any] | None = None) -> Any:
        """Return the values of tensors and variables.

        Args:
            fetches: a tensor or variable, or a list of them.
            feed_dict: values of the inputs.
        """
        tell("session.run(tensor)", "keras.Model(inputs, tensor).predict")
        feed = feed_dict or {}
        return graphs.function(list(feed), fetches)(list(feed.values()))


def get_session() -> Session:
    """Return an object that computes symbolic tensors."""
    tell("K.get_session()", "")
    return Session()


def set_session(session: object) -> None:
    """Do nothing: there are no sessions."""
    tell("K.set_session(session)", "")


def in_train_phase(
    x: Tensor | Callable[[], Any],
    alt: Tensor | Callable[[], Any],
    training: int | None = None,
) -> Any:
    """Return `x` in training and `alt` otherwise, or their results if functions.

    Args:
        x: value or function for training.
        alt: value or function for inference.
        training: whether it is training; by default as `learning_phase`.
    """
    x, alt = (v() if callable(v) else v for v in (x, alt))
    return _by_phase(x, alt, training)


@op
def _by_phase(x: object, alt: object, training: int | None) -> Any:
    return x if (learning_phase() if training is None else training) else alt


def in_test_phase(
    x: Tensor | Callable[[], Any],
    alt: Tensor | Callable[[], Any],
    training: int | None = None,
) -> Any:
    """Return `x` in inference and `alt` in training; see `in_train_phase`."""
    return in_train_phase(alt, x, training)


@assigned_later(lambda x, new_x: new_x)
def update(x: Variable, new_x: Any) -> Variable:
    """Assign a value to a variable."""
    x.assign(new_x)
    return x


@assigned_later(operator.add)
def update_add(x: Variable, increment: Any) -> Variable:
    """Add to a variable."""
    x.assign_add(increment)
    return x


@assigned_later(operator.sub)
def update_sub(x: Variable, decrement: Any) -> Variable:
    """Subtract from a variable."""
    x.assign_sub(decrement)
    return x


def placeholder(
    shape: PartialShape | None = None,
    ndim: int | None = None,
    dtype: DTypeLike = None,
    **_: object,
) -> Any:
    """Return an input of a model, whose first axis is that of the batch."""
    sizes = (None,) * (ndim or 0) if shape is None else tuple(shape)
    return Input(batch_shape=sizes, dtype=dtype)


def print_tensor(x: object, message: str = "") -> Any:
    """Return the value; `jax.debug.print` prints one in a compiled program."""
    tell("K.print_tensor(x)", "jax.debug.print('{}', x)")
    return x


def manual_variable_initialization(value: bool) -> None:
    """Do nothing: variables have values from the start."""
    tell("K.manual_variable_initialization(value)", "")
