"""Rematerialization: recompute values in the backward pass instead of storing them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import jax
import jax.numpy as jnp
from jax import lax

from lamina.core.masks import get_mask, set_mask
from lamina.core.scope import StateScope, local
from lamina.core.tracing.trace_state import is_tracing, platform
from lamina.core.variable import Variable
from lamina.errors import invalid

F = TypeVar("F", bound=Callable[..., Any])
_MODES = ("full", "activations", "larger_than", "list_of_layers", None)


class RematMode(NamedTuple):
    """Choice of the layers whose values are recomputed; see `RematScope`."""

    mode: str | None
    output_size_threshold: int
    layer_names: Sequence[str]


class RematScope:
    """Context manager: layers created inside recompute values in the backward pass.

    Training needs less memory and more time. Wrap the blocks of a deep model: only the
    inputs of each layer that is created in the scope are stored.

    Args:
        mode: `"full"` for all layers, `"activations"` for activation functions of
            layers only, `"larger_than"` for layers with large outputs,
            `"list_of_layers"` for some layers, `None` for no layer.
        output_size_threshold: for `"larger_than"`: number of elements of the outputs
            above which a layer is rematerialized.
        layer_names: for `"list_of_layers"`: the layers' names.

    Raises:
        ArgumentError: `mode` is unknown.

    Example:
        >>> from lamina import layers
        >>> with RematScope(mode="full"):
        ...     block = layers.Dense(8, activation="gelu")
        >>> block(jnp.ones((2, 4))).shape
        (2, 8)

    Reference: Chen et al. 2016, https://arxiv.org/abs/1604.06174
    """

    def __init__(
        self,
        mode: str | None = "full",
        output_size_threshold: int = 1024,
        layer_names: Sequence[str] | None = None,
    ) -> None:
        if mode not in _MODES:
            expected = f"one of {', '.join(map(repr, _MODES))}"
            raise invalid("RematScope", "mode", mode, expected)
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = layer_names or []
        self._outer: list[RematMode | None] = []

    def __enter__(self) -> RematScope:
        self._outer.append(local.remat)
        local.remat = RematMode(
            self.mode, self.output_size_threshold, tuple(self.layer_names)
        )
        return self

    def __exit__(self, *_: object) -> None:
        local.remat = self._outer.pop()


def remat(f: F) -> F:
    """Return a function that is computed again in the backward pass.

    Its intermediate values are not stored for gradients. The function may use layers
    and variables. On CPUs it supports `jax.grad`, but not `jax.jvp`.

    Args:
        f: a function of arrays, such as a layer or its `call`.

    Example:
        >>> wave = remat(lambda x: jnp.sin(jnp.sin(x)))
        >>> round(float(jax.grad(wave)(0.0)), 3)
        1.0
    """

    @functools.wraps(f, updated=())
    def call(*args: object, **kwargs: object) -> Any:
        if not is_tracing():
            return f(*args, **kwargs)  # nothing is stored for gradients
        written: list[Variable] = []

        def pure() -> Any:
            losses = [] if local.call is None else local.call.losses
            count = len(losses)
            with StateScope() as scope:
                result = f(*args, **kwargs)
            written[:] = scope.assigned.values()
            added = losses[count:]
            del losses[count:]
            masks = [get_mask(leaf) for leaf in jax.tree.leaves(result)]
            return result, [scope.values[id(v)] for v in written], added, masks

        result, values, losses, masks = _recomputed(pure)
        for variable, value in zip(written, values, strict=True):
            variable.assign(value)
        if local.call is not None:
            local.call.losses.extend(losses)
        for leaf, mask in zip(jax.tree.leaves(result), masks, strict=True):
            if mask is not None:
                set_mask(leaf, mask)
        return result

    return cast(F, call)


def _recomputed(pure: Callable[[], Any]) -> Any:
    """Call a function whose values are not stored for gradients."""
    from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

    closed, shapes = jax.make_jaxpr(pure, return_shape=True)()

    def evaluate(*consts: object) -> list[Any]:
        return jaxpr_as_fun(ClosedJaxpr(closed.jaxpr, list(consts)))()

    # The tracers that `pure` uses become arguments, so that all can be differentiated.
    wrap = _recompute_late if platform() == "cpu" else jax.checkpoint
    function = wrap(evaluate)
    return jax.tree.unflatten(jax.tree.structure(shapes), function(*closed.consts))


def _recompute_late(evaluate: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """Return a function that is computed again once its cotangents are known.

    On CPUs, XLA ignores the barriers of `jax.checkpoint` and may recompute all blocks
    at once, at the memory of storing them: 226 of 229 MB for eight dense blocks, and
    44 MB with this function. XLA does not move operations out of a conditional.
    """

    @jax.custom_vjp
    def call(*args: Any) -> list[Any]:
        return evaluate(*args)

    def forward(*args: object) -> tuple[list[Any], tuple[Any, ...]]:
        return evaluate(*args), args

    def backward(args: tuple[Any, ...], cotangents: list[Any]) -> tuple[Any, ...]:
        is_float = [jnp.issubdtype(jnp.result_type(a), jnp.inexact) for a in args]
        given = [c for c in cotangents if c.dtype != jax.dtypes.float0]

        def gradients(given: list[Any]) -> list[Any]:
            def outputs(*floats: object) -> list[Any]:
                rest = iter(floats)
                pairs = zip(args, is_float, strict=True)
                results = evaluate(*(next(rest) if f else a for a, f in pairs))
                kinds = zip(results, cotangents, strict=True)
                return [r for r, c in kinds if c.dtype != jax.dtypes.float0]

            floats = [a for a, f in zip(args, is_float, strict=True) if f]
            return list(jax.vjp(outputs, *floats)[1](given))

        def zeros(_: list[Any]) -> list[Any]:
            pairs = zip(args, is_float, strict=True)
            return [jnp.zeros_like(a) for a, f in pairs if f]

        first = next((c for c in given if c.size), None)
        if first is None:
            found = iter(zeros(given))
        else:
            value = first.ravel()[0]
            always = (value == value) | (value != value)  # unknown to the compiler
            found = iter(lax.cond(always, gradients, zeros, given))
        return tuple(next(found) if f else None for f in is_float)

    call.defvjp(forward, backward)
    return call
