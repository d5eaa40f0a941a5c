"""Forms for arrays of functions of TensorFlow that also take text or host values."""

from __future__ import annotations

from lamina import random
from lamina.compat.tensorflow.base.declare import parsed
from lamina.typing import Array, DTypeLike, Shape

# Declarations as in `lamina.compat.tensorflow.base.tables`.
FORMS = {
    "argmax": "argmax input, /, axis",
    "argmin": "argmin input, /, axis",
    "cast": "cast x, dtype, /",
    "clip_by_value": "clip t, clip_value_min, clip_value_max, /",
    "concat": "concatenate values, /, axis",
    "constant": "convert_to_tensor value, /, dtype",
    "convert_to_tensor": "convert_to_tensor value, /, dtype",
    "cumsum": "cumsum x, /, axis",
    "fill": "full dims, value, /",
    "cumprod": "cumprod x, /, axis",
    "gather": "take params, indices, /, axis",
    "inv": "inv input, /",
    "linspace": "linspace start, stop, num, /",
    "matmul": "matmul a, b, /",
    "one_hot": "one_hot indices, /, num_classes:depth, axis, dtype",
    "ones": "ones shape, /, dtype",
    "ones_like": "ones_like input, /, dtype",
    "range": "arange start, limit, delta, /",
    "reduce_mean": "mean input_tensor, /, axis, keepdims",
    "reshape": "reshape tensor, shape, /",
    "shape": "shape input, /",
    "size": "size input, /",
    "solve": "solve matrix, rhs, /",
    "stop_gradient": "stop_gradient input, /",
    "top_k": "top_k input, /, k",
    "where": "where condition, x, y, /",
    "zeros": "zeros shape, /, dtype",
    "zeros_like": "zeros_like input, /, dtype",
}

# Arguments of functions of `keras.ops` whose default is another in TensorFlow.
DEFAULTS = {
    **dict.fromkeys(("argmax", "argmin", "cumprod", "cumsum", "take"), ("axis", "0")),
    "top_k": ("k", "1"),
}


def declaration_of(function: object) -> tuple[str, list[str], dict[str, str]]:
    """Return the function of `keras.ops` for one of TensorFlow, and its arguments.

    Returns:
        The name, "" if there is none, and arguments by position and by name.
    """
    form = FORMS.get(getattr(function, "__name__", ""), "")
    declaration = getattr(function, "declaration", form)
    target, positional, named = parsed(declaration)
    return ("" if "." in target else target), positional, named


def normal(
    shape: Shape,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: DTypeLike = None,
    seed: int | None = None,
) -> Array:
    """Return normally distributed numbers."""
    return random.normal(shape, mean, stddev, dtype, seed)


def uniform(
    shape: Shape,
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: DTypeLike = None,
    seed: int | None = None,
) -> Array:
    """Return uniformly distributed numbers."""
    return random.uniform(shape, minval, maxval, dtype, seed)
