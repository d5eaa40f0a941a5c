"""Conditionals and loops that run on the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax import lax

from lamina.core.graph import op
from lamina.ops.types import Tensor, array_of
from lamina.typing import PyTree

__all__ = [
    "associative_scan",
    "cond",
    "fori_loop",
    "map",
    "scan",
    "switch",
    "vectorized_map",
    "while_loop",
]


@op
def associative_scan(
    f: Callable[[Any, Any], Any], elems: PyTree, reverse: bool = False, axis: int = 0
) -> Any:
    """Compute the prefix results of an associative function in logarithmic depth.

    Args:
        f: combines two elements, or trees of them, into one.
        elems: an array or a tree of arrays.
        reverse: whether to start at the end.
        axis: the axis to scan.

    Example:
        >>> associative_scan(lambda a, b: a + b, jax.numpy.arange(4)).tolist()
        [0, 1, 3, 6]
    """
    return lax.associative_scan(f, elems, reverse, axis)


@op
def cond(pred: Tensor, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """Call one of two functions, whose results agree in shape and dtype.

    Example:
        >>> int(cond(True, lambda: 1, lambda: 2))
        1
    """
    return lax.cond(array_of(pred), true_fn, false_fn)


@op
def fori_loop(
    lower: Tensor, upper: Tensor, body_fun: Callable[[Any, Any], Any], init_val: PyTree
) -> Any:
    """Run `value = body_fun(i, value)` for i from `lower` to `upper - 1`.

    Example:
        >>> int(fori_loop(0, 5, lambda i, total: total + i, 0))
        10
    """
    return lax.fori_loop(lower, upper, body_fun, init_val)


@op
def map(f: Callable[[Any], Any], xs: PyTree) -> Any:
    """Call f on each slice along the first axis, one after another.

    Example:
        >>> map(lambda x: x * 10, jnp.array([1, 2, 3])).tolist()
        [10, 20, 30]
    """
    return lax.map(f, xs)


@op
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: PyTree,
    xs: PyTree = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """Run `carry, y = f(carry, x)` for each x along the first axis.

    Args:
        f: takes the carry and a slice of `xs`; returns the next carry and an output.
        init: the initial carry.
        xs: an array or a tree of arrays; `None` for `length` steps without inputs.
        length: number of steps, if `xs` is `None`.
        reverse: whether to start at the end.
        unroll: number of steps to unroll in the compiled loop.

    Returns:
        The last carry, and the outputs stacked along a new first axis.

    Example:
        >>> total, sums = scan(lambda c, x: (c + x, c + x), 0, jax.numpy.arange(4))
        >>> int(total), sums.tolist()
        (6, [0, 1, 3, 6])
    """
    return lax.scan(f, init, xs, length, reverse, unroll)


@op
def switch(
    index: Tensor, branches: Sequence[Callable[..., Any]], *operands: PyTree
) -> Any:
    """Call `branches[index](*operands)`; an index out of range is clipped.

    Example:
        >>> int(switch(1, [lambda x: x + 1, lambda x: x * 10], 5))
        50
    """
    return lax.switch(array_of(index), branches, *operands)


@op
def vectorized_map(function: Callable[[Any], Any], elements: PyTree) -> Any:
    """Call a function on all slices along the first axis at once.

    Example:
        >>> vectorized_map(lambda row: row.sum(), jnp.array([[1, 2], [3, 4]])).tolist()
        [3, 7]
    """
    return jax.vmap(function)(elements)


@op
def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: object,
    maximum_iterations: int | None = None,
) -> Any:
    """Run `loop_vars = body(*loop_vars)` while `cond(*loop_vars)` is true.

    Args:
        cond: takes the loop variables, returns a boolean.
        body: takes the loop variables, returns their next values.
        loop_vars: a tuple or list of arrays, or one array.
        maximum_iterations: maximum number of iterations.

    Example:
        >>> int(while_loop(lambda n: n < 100, lambda n: n * 3, 1))
        243
    """
    is_sequence = isinstance(loop_vars, (tuple, list))

    def is_running(state: tuple[Any, Any]) -> Any:
        count, values = state
        result, limit = cond(*values), maximum_iterations
        return result if limit is None else result & (count < limit)

    def step(state: tuple[Any, Any]) -> tuple[Any, Any]:
        count, values = state
        values = body(*values)
        return count + 1, tuple(values) if is_sequence else (values,)

    first = tuple(loop_vars) if is_sequence else (loop_vars,)
    _, last = lax.while_loop(is_running, step, (0, first))
    return last if is_sequence else last[0]
