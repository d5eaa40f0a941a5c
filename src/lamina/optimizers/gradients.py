"""What happens to arrays before a rule sees them, and to state under a condition."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from lamina.core import stateless
from lamina.core.variable import Variable
from lamina.errors import ArgumentError, ShapeError
from lamina.runtime.row_layout import as_rows

__all__ = ["choose", "clip", "elementwise", "global_clip", "matched", "upcast"]

Update = Callable[..., tuple[jax.Array, dict[str, Any]]]


def upcast(array: jax.Array) -> jax.Array:
    """The array in 32 bits at least: rules do not compute in 16."""
    return array.astype(jnp.float32) if array.dtype.itemsize < 4 else array


def elementwise(update: Update) -> Update:
    """Let an `update` that treats each number by itself work on rows."""

    @wraps(update)
    def by_rows(
        self: Any,
        gradient: jax.Array,
        value: jax.Array,
        slots: dict[str, Any],
        step: jax.Array,
        learning_rate: Any,
    ) -> tuple[jax.Array, dict[str, Any]]:
        pair = as_rows([gradient, value])
        named = dict(zip(slots, as_rows(slots.values()), strict=True))
        new_value, new = update(self, *pair, named, step, learning_rate)
        shaped = {name: new[name].reshape(slot.shape) for name, slot in slots.items()}
        return new_value.reshape(value.shape), shaped

    return by_rows


def matched(
    owner: str, gradients: Sequence[Any], variables: Sequence[Variable]
) -> tuple[list[jax.Array], list[Variable]]:
    """The gradients that are not `None`, in 32 bits, and their variables.

    Raises:
        ArgumentError: another number of gradients than of variables, or none at all.
        ShapeError: a gradient has another shape than its variable.
    """
    if len(gradients) != len(variables):
        raise ArgumentError(
            f"{owner}: each variable needs one gradient. Received {len(gradients)} "
            f"gradients for {len(variables)} variables."
        )
    pairs = list(zip(gradients, variables, strict=True))
    found = [(upcast(jnp.asarray(g)), v) for g, v in pairs if g is not None]
    missing = [v.path for g, v in pairs if g is None]
    if not found:
        raise ArgumentError(
            f"{owner}: there is no gradient for any variable. Does the loss depend on "
            "them?"
        )
    if missing:
        warnings.warn(
            f"There is no gradient for {', '.join(missing)}: the loss does not depend "
            "on it.",
            stacklevel=3,
        )
    for gradient, variable in found:
        if gradient.shape != variable.shape:
            raise ShapeError(
                f"{owner}: the variable {variable.path!r} has shape {variable.shape}, "
                f"so its gradient can't have {gradient.shape}."
            )
    return [g for g, _ in found], [v for _, v in found]


def _norm(arrays: Sequence[jax.Array]) -> jax.Array:
    return jnp.sqrt(jnp.sum(jnp.stack([jnp.sum(jnp.square(a)) for a in arrays])))


def clip(gradient: jax.Array, longest: Any) -> jax.Array:
    """A gradient, shortened to a norm where its own is longer."""
    return gradient * longest / jnp.maximum(_norm([gradient]), longest)


def global_clip(gradients: Sequence[jax.Array], longest: Any) -> list[jax.Array]:
    """Gradients, shortened together to a norm where their common one is longer."""
    norm = _norm(gradients)
    scale = longest * jnp.minimum(1.0 / norm, 1.0 / longest)
    # An infinite gradient must show, not turn the others into zeros.
    scale = jnp.where(jnp.isfinite(norm), scale, jnp.nan)
    return [gradient * scale for gradient in gradients]


def choose(
    condition: jax.Array,
    change: Callable[[], None],
    otherwise: Callable[[], None],
    variables: Sequence[Variable],
) -> None:
    """Call one of two functions that assign to `variables`, by a traced condition."""
    if not isinstance(condition, Tracer):
        (change if condition else otherwise)()
        return

    def branch(function: Callable[[], None]) -> Callable[[list[jax.Array]], Any]:
        return lambda values: stateless.call(function, variables, values)[1]

    held = [variable.value for variable in variables]
    changed = jax.lax.cond(condition, branch(change), branch(otherwise), held)
    for variable, value in zip(variables, changed, strict=True):
        variable.assign(value)
