"""Choices and loops that run on the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax import lax

from lamina.core.graph import op
from lamina.ops.types import Tensor, array_of

__all__ = [
    "associative_scan",
    "cond",
    "fori_loop",
    "map",
    "scan",
    "stop_gradient",
    "switch",
    "vectorized_map",
    "while_loop",
]


@op
def associative_scan(
    f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """Running totals of an associative function of two, in logarithmic depth.

    Args:
        f: combines two elements, or trees of them, into one.
        elems: an array or a tree of arrays.
        reverse: whether to begin at the end.
        axis: which axis to go along.

    Example:
        >>> associative_scan(lambda a, b: a + b, jax.numpy.arange(4)).tolist()
        [0, 1, 3, 6]
    """
    return lax.associative_scan(f, elems, reverse, axis)


@op
def cond(pred: Tensor, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """The result of one of two functions, which must agree in shapes and types."""
    return lax.cond(array_of(pred), true_fn, false_fn)


@op
def fori_loop(
    lower: Tensor, upper: Tensor, body_fun: Callable[[Any, Any], Any], init_val: Any
) -> Any:
    """`value = body_fun(i, value)` for i from `lower` to `upper - 1`.

    Example:
        >>> int(fori_loop(0, 5, lambda i, total: total + i, 0))
        10
    """
    return lax.fori_loop(lower, upper, body_fun, init_val)


@op
def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """f of each slice along the first axis, one after another."""
    return lax.map(f, xs)


@op
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """`carry, y = f(carry, x)` for each x along the first axis.

    Args:
        f: takes the carry and a slice of `xs`; returns the next carry and an output.
        init: the first carry.
        xs: an array or a tree of arrays; `None` to go `length` times without.
        length: how many times, when `xs` does not tell.
        reverse: whether to begin at the end.
        unroll: how many rounds to write out in the compiled loop.

    Returns:
        The last carry, and the outputs stacked along a new first axis.

    Example:
        >>> total, sums = scan(lambda c, x: (c + x, c + x), 0, jax.numpy.arange(4))
        >>> int(total), sums.tolist()
        (6, [0, 1, 3, 6])
    """
    return lax.scan(f, init, xs, length, reverse, unroll)


@op
def stop_gradient(variable: Tensor) -> jax.Array:
    """The same value, a constant to differentiation."""
    return lax.stop_gradient(array_of(variable))


@op
def switch(
    index: Tensor, branches: Sequence[Callable[..., Any]], *operands: Any
) -> Any:
    """`branches[index](*operands)`; an index out of range takes the nearest branch."""
    return lax.switch(array_of(index), branches, *operands)


@op
def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """The function of each slice along the first axis, all at once."""
    return jax.vmap(function)(elements)


@op
def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """`loop_vars = body(*loop_vars)` while `cond(*loop_vars)` is true.

    Args:
        cond: takes the loop's variables, returns a truth value.
        body: takes the loop's variables, returns the next ones.
        loop_vars: a tuple or list of arrays, or one array.
        maximum_iterations: a limit, whatever `cond` says.

    Example:
        >>> int(while_loop(lambda n: n < 100, lambda n: n * 3, 1))
        243
    """
    several = isinstance(loop_vars, (tuple, list))

    def go_on(state: tuple[Any, Any]) -> Any:
        count, values = state
        more = cond(*values)
        return (
            more if maximum_iterations is None else more & (count < maximum_iterations)
        )

    def step(state: tuple[Any, Any]) -> tuple[Any, Any]:
        count, values = state
        values = body(*values)
        return count + 1, tuple(values) if several else (values,)

    first = tuple(loop_vars) if several else (loop_vars,)
    _, last = lax.while_loop(go_on, step, (0, first))
    return last if several else last[0]
