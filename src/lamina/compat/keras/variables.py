"""Functions of `keras.backend` in Keras 1 and 2 for variables, graphs and phases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import config, ops
from lamina.compat.notices import tell
from lamina.core.variable import Variable
from lamina.layers import Input
from lamina.typing import Array


def variable(
    value: Any, dtype: Any = None, name: str | None = None, **_: Any
) -> Variable:
    """Create a variable."""
    return Variable(np.asarray(value, dtype or config.floatx()), name=name)


def constant(
    value: Any, dtype: Any = None, shape: Any = None, name: str | None = None
) -> Array:
    """Return an array, filled with a number if there is a shape."""
    array = np.asarray(value, dtype or config.floatx())
    return ops.convert_to_tensor(array if shape is None else np.full(shape, array))


def eval(x: Any) -> np.ndarray:
    """Return a value as a NumPy array."""
    return np.asarray(x)


def get_value(x: Any) -> Any:
    """Return a variable's value as a NumPy array or number."""
    tell("K.get_value(x)", "x.numpy(), or float(x)")
    value = np.asarray(x)
    return value.item() if value.ndim == 0 else value


def set_value(x: Any, value: Any) -> None:
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


def learning_phase() -> int:
    """Return 0: layers get `training` as an argument."""
    tell("K.learning_phase()", "the argument `training` of the call")
    return 0


def set_learning_phase(value: int) -> None:
    """Do nothing: layers get `training` as an argument."""
    tell("K.set_learning_phase(value)", "")


def get_session() -> None:
    """Return nothing: there are no sessions."""
    tell("K.get_session()", "")


def set_session(session: Any) -> None:
    """Do nothing: there are no sessions."""
    tell("K.set_session(session)", "")


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """Return `x` in training and `alt` otherwise, or their results if functions.

    Args:
        x: value or function for training.
        alt: value or function for inference.
        training: whether it is training; the layer that calls passes it on.
    """
    chosen = x if training else alt
    return chosen() if callable(chosen) else chosen


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """Return `x` in inference and `alt` in training; see `in_train_phase`."""
    return in_train_phase(alt, x, training)


def update(x: Variable, new_x: Any) -> Variable:
    """Assign a value to a variable."""
    x.assign(new_x)
    return x


def update_add(x: Variable, increment: Any) -> Variable:
    """Add to a variable."""
    x.assign_add(increment)
    return x


def update_sub(x: Variable, decrement: Any) -> Variable:
    """Subtract from a variable."""
    x.assign_sub(decrement)
    return x


def placeholder(
    shape: Any = None, ndim: int | None = None, dtype: Any = None, **_: Any
) -> Any:
    """Return an input of a model, whose first axis is that of the batch."""
    sizes = (None,) * (ndim or 0) if shape is None else tuple(shape)
    return Input(batch_shape=sizes, dtype=dtype)


def print_tensor(x: Any, message: str = "") -> Any:
    """Return the value; `jax.debug.print` prints one in a compiled program."""
    tell("K.print_tensor(x)", "jax.debug.print('{}', x)")
    return x


def manual_variable_initialization(value: bool) -> None:
    """Do nothing: variables have values from the start."""
    tell("K.manual_variable_initialization(value)", "")
