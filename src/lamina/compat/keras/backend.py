"""Functions of `keras.backend` in Keras 1 and 2 that differ from `lamina.ops`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina import activations, config, losses, ops, random
from lamina.compat.notices import tell
from lamina.core.graph import SymbolicTensor
from lamina.core.variable import Variable
from lamina.models import Model
from lamina.typing import Array

_ORDERINGS = {"tf": "channels_last", "th": "channels_first"}


def image_dim_ordering() -> str:
    """Return the data format by its name in Keras 1, "tf" or "th"."""
    tell("K.image_dim_ordering()", "keras.config.image_data_format()")
    return "tf" if config.image_data_format() == "channels_last" else "th"


def set_image_dim_ordering(dim_ordering: str) -> None:
    """Set the data format by its name in Keras 1."""
    new = _ORDERINGS[dim_ordering]
    tell(
        f"K.set_image_dim_ordering({dim_ordering!r})",
        f"keras.config.set_image_data_format({new!r})",
    )
    config.set_image_data_format(new)


def abs(x: Any) -> Array:
    """Return absolute values."""
    return ops.absolute(x)


def pow(x: Any, a: Any) -> Array:
    """Return x to the power of a."""
    return ops.power(x, a)


def argmax(x: Any, axis: int = -1) -> Array:
    """Return the index of the largest value."""
    return ops.argmax(x, axis=axis)


def argmin(x: Any, axis: int = -1) -> Array:
    """Return the index of the smallest value."""
    return ops.argmin(x, axis=axis)


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Array:
    """Concatenate along the last axis by default."""
    return ops.concatenate(list(tensors), axis=axis)


def expand_dims(x: Any, axis: int = -1) -> Array:
    """Insert an axis, the last by default."""
    return ops.expand_dims(x, axis)


def flatten(x: Any) -> Array:
    """Return all elements in one axis."""
    return ops.reshape(x, (-1,))


def batch_flatten(x: Any) -> Array:
    """Return each row's elements in one axis."""
    return ops.reshape(x, (-1, int(np.prod(x.shape[1:]))))


def permute_dimensions(x: Any, pattern: Sequence[int]) -> Array:
    """Reorder the axes."""
    return ops.transpose(x, axes=list(pattern))


def repeat(x: Any, n: int) -> Array:
    """Repeat each row n times, along a new axis 1."""
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def repeat_elements(x: Any, rep: int, axis: int) -> Array:
    """Repeat each element along an axis."""
    return ops.repeat(x, rep, axis=axis)


def reverse(x: Any, axes: int | Sequence[int]) -> Array:
    """Reverse axes."""
    return ops.flip(x, axis=axes)


def gather(reference: Any, indices: Any) -> Array:
    """Return the rows with these indices."""
    return ops.take(reference, indices, axis=0)


def batch_dot(x: Any, y: Any, axes: int | Sequence[int] | None = None) -> Array:
    """Return the products of rows, summed over one axis of each."""
    rank_x, rank_y = len(x.shape), len(y.shape)
    if axes is None:
        axes = (rank_x - 1, rank_y - 2 if rank_y > 2 else rank_y - 1)
    a, b = (axes, axes) if isinstance(axes, int) else axes
    letters = "bcdefghijklm"
    left = letters[:rank_x]
    right = letters[0] + letters[rank_x : rank_x + rank_y - 1]
    b %= rank_y
    right = right[:b] + left[a] + right[b + 1 :]
    summed = left[a]
    kept = "".join(n for n in left + right[1:] if n != summed)
    result = ops.einsum(f"{left},{right}->{kept}", x, y)
    return ops.expand_dims(result, 1) if len(kept) == 1 else result


def relu(x: Any, alpha: float = 0.0, max_value: float | None = None) -> Array:
    """Return positive values, and alpha times the others."""
    return activations.relu(x, negative_slope=alpha, max_value=max_value)


def hard_sigmoid(x: Any) -> Array:
    """Return clip(0.2 * x + 0.5, 0, 1), as Keras 1 and 2."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


def l2_normalize(x: Any, axis: int = -1) -> Array:
    """Divide by the Euclidean norm."""
    return ops.normalize(x, axis=axis, order=2)


def clip(x: Any, min_value: Any, max_value: Any) -> Array:
    """Limit values to a range."""
    return ops.clip(x, min_value, max_value)


def switch(condition: Any, then_expression: Any, else_expression: Any) -> Array:
    """Select values, or results of functions, by a condition."""
    branches = [
        branch() if callable(branch) else branch
        for branch in (then_expression, else_expression)
    ]
    return ops.where(condition, *branches)


def stop_gradient(variables: Any) -> Any:
    """Return a value that has no gradient."""
    if isinstance(variables, (list, tuple)):
        return [ops.stop_gradient(v) for v in variables]
    return ops.stop_gradient(variables)


def cast_to_floatx(x: Any) -> Any:
    """Convert to the default element type."""
    return np.asarray(x, config.floatx())


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Array:
    """Return the binary cross-entropy of each element."""
    return ops.binary_crossentropy(target, output, from_logits=from_logits)


def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Array:
    """Return the cross-entropy of each row."""
    return losses.categorical_crossentropy(
        target, output, from_logits=from_logits, axis=axis
    )


def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Array:
    """Return the cross-entropy of each row for class indices."""
    return losses.sparse_categorical_crossentropy(
        target, output, from_logits=from_logits, axis=axis
    )


def int_shape(x: Any) -> tuple[int | None, ...]:
    """Return the shape, with `None` for unknown sizes."""
    return tuple(x.shape)


def ndim(x: Any) -> int:
    """Return the number of axes."""
    return len(x.shape)


def dtype(x: Any) -> str:
    """Return the name of the element type."""
    return str(x.dtype)


def count_params(x: Any) -> int:
    """Return the number of elements."""
    return int(np.prod(x.shape))


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


def random_normal(
    shape: Any,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Array:
    """Return normally distributed numbers."""
    return random.normal(tuple(shape), mean, stddev, dtype, seed)


def random_uniform(
    shape: Any,
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Array:
    """Return uniformly distributed numbers."""
    return random.uniform(tuple(shape), minval, maxval, dtype, seed)


def function(
    inputs: Any, outputs: Any, updates: Any = None, **_: Any
) -> Callable[..., Any]:
    """Return a function of NumPy arrays that computes symbolic tensors.

    Args:
        inputs: symbolic tensors; `K.learning_phase()` among them is not used.
        outputs: symbolic tensors that depend on them.
        updates: must be empty.
    """
    tell("K.function(inputs, outputs)", "keras.Model(inputs, outputs).predict")
    several = isinstance(outputs, (list, tuple))
    used = [x for x in inputs if isinstance(x, SymbolicTensor)]
    model = Model(used, list(outputs) if several else [outputs])

    def call(values: Sequence[Any]) -> list[np.ndarray]:
        arrays = [
            np.asarray(v)
            for x, v in zip(inputs, values, strict=True)
            if isinstance(x, SymbolicTensor)
        ]
        results = model(arrays)
        results = results if isinstance(results, (list, tuple)) else [results]
        return [np.asarray(result) for result in results]

    return call


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
