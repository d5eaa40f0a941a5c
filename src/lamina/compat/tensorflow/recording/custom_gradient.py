"""Functions with gradients of their own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lamina.compat.tensorflow.recording.record import is_variable, record
from lamina.core.scope import local
from lamina.typing import PyTree


def custom_gradient(f: Callable[..., tuple[Any, Any]]) -> Callable[..., Any]:
    """Return a function whose gradient is what `f` returns beside its value.

    Args:
        f: returns outputs, and a function of their cotangents that returns those of
            the arguments.

    Example:
        >>> @tf.custom_gradient
        ... def clipped(x):
        ...     return x, lambda dy: tf.clip_by_value(dy, -1.0, 1.0)
    """

    @jax.custom_vjp
    def call(*args: object) -> Any:
        return f(*args)[0]

    def forward(*args: object) -> tuple[Any, Any]:
        return f(*args)[0], args

    def backward(args: Sequence[Any], cotangent: PyTree) -> tuple[Any, ...]:
        found = f(*args)[1](cotangent)
        return tuple(found) if isinstance(found, (list, tuple)) else (found,)

    call.defvjp(forward, backward)

    @functools.wraps(f)
    def converted(*args: object, **options: object) -> Any:
        if options:  # they have no gradients
            return custom_gradient(functools.partial(f, **options))(*args)
        if local.recorder is None:
            return _on_arrays(*args)
        return record(_on_arrays, args, {}, is_user_defined=True)

    def _on_arrays(*args: object) -> Any:
        return call(*jax.tree.map(jnp.asarray, args, is_leaf=is_variable))

    return converted
