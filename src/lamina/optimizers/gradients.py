"""Gradient casting and clipping, conditional updates, sums and averages."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from lamina.core.tracing import stateless
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, ShapeError
from lamina.runtime.placement import as_rows
from lamina.typing import ArrayLike

Update = Callable[..., tuple[jax.Array, dict[str, Any]]]


def upcast(array: jax.Array) -> jax.Array:
    """Cast 16-bit arrays to float32: update rules compute in 32 bits or more."""
    return array.astype(jnp.float32) if array.dtype.itemsize < 4 else array


def elementwise(update: Update) -> Update:
    """Flatten the arguments of an elementwise `update` where that is faster."""

    @wraps(update)
    def flattened_update(
        self: object,
        gradient: jax.Array,
        value: jax.Array,
        slots: dict[str, Any],
        step: jax.Array,
        learning_rate: Any,
    ) -> tuple[jax.Array, dict[str, Any]]:
        flat = as_rows([gradient, value])
        flat_slots = dict(zip(slots, as_rows(slots.values()), strict=True))
        new_value, new = update(self, *flat, flat_slots, step, learning_rate)
        new_slots = {name: new[name].reshape(s.shape) for name, s in slots.items()}
        return new_value.reshape(value.shape), new_slots

    return flattened_update


def match_gradients(
    owner: str, gradients: Sequence[Any], variables: Sequence[Variable]
) -> tuple[list[jax.Array], list[Variable]]:
    """Return the gradients that are not `None`, upcast, and their variables.

    Raises:
        ArgumentError: the numbers of gradients and variables differ, or all gradients
            are `None`.
        ShapeError: the shapes of a gradient and its variable differ.
    """
    if len(gradients) != len(variables):
        raise ArgumentError(
            f"{owner}: each variable needs one gradient. Received {len(gradients)} "
            f"gradients for {len(variables)} variables."
        )
    pairs = list(zip(gradients, variables, strict=True))
    found = [(upcast(_dense(g)), v) for g, v in pairs if g is not None]
    missing = [v.path for g, v in pairs if g is None]
    if not found:
        raise ArgumentError(
            f"{owner}: there is no gradient for any variable. Compute the loss from "
            "the trainable variables."
        )
    if missing:
        warnings.warn(
            f"There is no gradient for {', '.join(missing)}: the loss does not depend "
            "on these variables, so they are not trained.",
            stacklevel=3,
        )
    for gradient, variable in found:
        if gradient.shape != variable.shape:
            raise ShapeError(
                f"{owner}: the variable {variable.path!r} has shape {variable.shape}, "
                f"so its gradient cannot have shape {gradient.shape}."
            )
    return [g for g, _ in found], [v for _, v in found]


def _dense(gradient: Any) -> jax.Array:
    """Return a gradient as an array, also that of a sparse array of JAX."""
    is_sparse = hasattr(gradient, "todense")
    return jnp.asarray(gradient.todense() if is_sparse else gradient)


def _global_norm(arrays: Sequence[jax.Array]) -> jax.Array:
    return jnp.sqrt(jnp.sum(jnp.stack([jnp.sum(jnp.square(a)) for a in arrays])))


def clip_by_norm(gradient: jax.Array, max_norm: ArrayLike) -> jax.Array:
    """Scale a gradient down to `max_norm` if its norm is larger."""
    return gradient * max_norm / jnp.maximum(_global_norm([gradient]), max_norm)


def clip_by_global_norm(
    gradients: Sequence[jax.Array], max_norm: ArrayLike
) -> list[jax.Array]:
    """Scale gradients down to a global norm of `max_norm` if theirs is larger."""
    norm = _global_norm(gradients)
    scale = max_norm * jnp.minimum(1.0 / norm, 1.0 / max_norm)
    # An infinite gradient must give NaN, not turn the other gradients into zeros.
    scale = jnp.where(jnp.isfinite(norm), scale, jnp.nan)
    return [gradient * scale for gradient in gradients]


def update_if(
    condition: jax.Array,
    update: Callable[[], None],
    otherwise: Callable[[], None],
    variables: Sequence[Variable],
) -> None:
    """Call one of two functions that assign to `variables`; traceable `if`."""
    if not isinstance(condition, Tracer):
        (update if condition else otherwise)()
        return

    def branch(function: Callable[[], None]) -> Callable[[list[jax.Array]], Any]:
        return lambda values: stateless.call(function, variables, values)[1]

    values = [variable.value for variable in variables]
    updated = jax.lax.cond(condition, branch(update), branch(otherwise), values)
    for variable, value in zip(variables, updated, strict=True):
        variable.assign(value)


def clip(
    gradients: list[jax.Array],
    norm: ArrayLike | None,
    value: float | None,
    global_norm: ArrayLike | None,
) -> list[jax.Array]:
    """Clip gradients by one of three limits, if there is one.

    Args:
        gradients: the gradients.
        norm: largest norm of each.
        value: largest absolute value in each.
        global_norm: largest norm of all together.
    """
    if norm is not None:
        return [clip_by_norm(gradient, norm) for gradient in gradients]
    if value is not None:
        return [jnp.clip(gradient, -value, value) for gradient in gradients]
    if global_norm is not None:
        return clip_by_global_norm(gradients, global_norm)
    return gradients


def accumulate(
    gradients: Sequence[jax.Array],
    sums: Sequence[Variable],
    is_due: jax.Array,
    update: Callable[[], None],
    changed: Sequence[Variable],
) -> None:
    """Add gradients to their sums; if an update is due, call it and reset the sums.

    Args:
        gradients: the gradients.
        sums: a variable for each.
        is_due: whether to update.
        update: updates from the sums.
        changed: the variables that it assigns to, and the sums.
    """
    for gradient, total in zip(gradients, sums, strict=True):
        total.assign(upcast(total.value) + gradient)

    def update_and_reset() -> None:
        update()
        for total in sums:
            total.assign(jnp.zeros_like(total.value))

    update_if(is_due, update_and_reset, lambda: None, changed)


def update_averages(
    pairs: Iterable[tuple[Variable, Variable]],
    momentum: ArrayLike,
    updates: jax.Array,
    overwrite_frequency: int | None,
) -> None:
    """Update moving averages of variables.

    Args:
        pairs: each variable and its average.
        momentum: weight of the previous average.
        updates: number of updates before this one.
        overwrite_frequency: number of updates after which the averages replace the
            variables' values, or `None`.
    """
    # The weights after the first update initialize the averages.
    momentum = jnp.where(updates == 0, 0.0, momentum)
    for variable, average in pairs:
        value = upcast(variable.value)
        mean = momentum * upcast(average.value) + (1.0 - momentum) * value
        average.assign(mean)
        if overwrite_frequency is not None:
            is_due = (updates + 1) % overwrite_frequency == 0
            variable.assign(jnp.where(is_due, mean, value))
