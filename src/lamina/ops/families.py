"""Families of ops that have the same arguments and differ in the JAX function.

A family is a template whose first argument is the JAX function. It makes an op from a
function, a description and an example; the op has the function's name and the
template's other arguments. An example has the form "arguments -> result".
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

from lamina.core.graph import op
from lamina.errors import ArgumentTypeError
from lamina.ops.types import (
    Axis,
    Tensor,
    array_of,
    axes_of,
    check_axis,
    float_array,
    operand,
)
from lamina.typing import Array, DTypeLike

P = ParamSpec("P")
R = TypeVar("R")
Function: TypeAlias = Callable[..., Any]
Family: TypeAlias = Callable[[Function, str, str], Callable[P, R]]


def family(
    *, static: Sequence[str] = ()
) -> Callable[[Callable[Concatenate[Function, P], R]], Family[P, R]]:
    """Make a family of ops from a template.

    Args:
        static: as in `op`.

    Example:
        >>> import jax.numpy as jnp
        >>> @family()
        ... def shifted(function, x, step=1):
        ...     return function(x + step)
        >>> cos = shifted(jnp.cos, "Compute the cosine of x + step.", "-1.0 -> 1.0")
        >>> cos.__name__, float(cos(2.0, step=-2.0))
        ('cos', 1.0)
        >>> cos.__doc__.splitlines()[-2:]
        ['    >>> cos(-1.0).tolist()', '    1.0']
    """

    def make_family(template: Callable[Concatenate[Function, P], R]) -> Family[P, R]:
        def make_op(function: Function, doc: str, example: str) -> Callable[P, R]:
            return op(_member(template, function, doc, example), static=static)

        return make_op

    return make_family


def _member(
    template: Callable[Concatenate[Function, P], R],
    function: Function,
    doc: str,
    example: str,
) -> Callable[P, R]:
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return template(function, *args, **kwargs)
        except TypeError:
            check_call(name, found, args, kwargs)
            raise
        except (IndexError, ValueError):
            _check_axes(name, found.bind(*args, **kwargs).arguments)
            raise

    # A private function computes the op of its name.
    name = function.__name__.lstrip("_")
    found = inspect.signature(template)
    found = found.replace(parameters=list(found.parameters.values())[1:])
    _, header, args = inspect.cleandoc(template.__doc__ or "").partition("\n\nArgs:")
    shown_args, _, result = example.partition(" -> ")
    call.__name__ = call.__qualname__ = name
    call.__doc__ = (
        f"{doc}{header}{args}\n\n"
        f"Example:\n    >>> {name}({shown_args}).tolist()\n    {result}\n"
    )
    call.__module__ = "lamina.ops"  # where pickle finds it
    setattr(call, "__signature__", found)  # noqa: B010
    return call


def check_call(
    name: str,
    signature: inspect.Signature,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> None:
    """Name the function, not its template, in the error for wrong arguments."""
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        call = f"{name}({', '.join(signature.parameters)})"
        raise ArgumentTypeError(f"{call}: {error}.") from None


def _check_axes(name: str, arguments: Mapping[str, Any]) -> None:
    """Name the function and the shape in the error for an axis that does not exist."""
    axes = axes_of(arguments.get("axis"))
    for axis in axes if isinstance(axes, tuple) else (axes,):
        if isinstance(axis, int):
            check_axis(name, array_of(arguments["x"]), axis)


@family()
def unary(function: Function, x: Tensor) -> Array:
    """Compute a function of an array."""
    return function(array_of(x))


@family()
def float_unary(function: Function, x: Tensor) -> Array:
    """Compute a function of an array of floats or complex numbers."""
    return function(float_array(x))


@family()
def binary(function: Function, x1: Tensor, x2: Tensor) -> Array:
    """Compute a function of two arrays, which may be Python numbers."""
    return function(operand(x1), operand(x2))


@family()
def bitwise(function: Function, x: Tensor, y: Tensor) -> Array:
    """Compute a function of the bits of two arrays of integers."""
    return function(operand(x), operand(y))


@family()
def comparison(
    function: Function,
    x1: Tensor,
    x2: Tensor,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Array:
    """Compare two arrays up to rounding.

    Args:
        x1: any array.
        x2: any array.
        rtol: tolerance relative to x2.
        atol: absolute tolerance.
        equal_nan: whether NaN equals NaN.
    """
    return function(operand(x1), operand(x2), rtol, atol, equal_nan)


@family(static=["axis"])
def reduction(
    function: Function, x: Tensor, axis: Axis = None, keepdims: bool = False
) -> Array:
    """Reduce the axes, or keep them with length 1."""
    return function(array_of(x), axis=axes_of(axis), keepdims=keepdims)


@family(static=["axis"])
def float_reduction(
    function: Function, x: Tensor, axis: Axis = None, keepdims: bool = False
) -> Array:
    """Reduce the axes of an array of floats, or keep them with length 1."""
    return function(float_array(x), axis=axes_of(axis), keepdims=keepdims)


@family()
def index_reduction(
    function: Function, x: Tensor, axis: int | None = None, keepdims: bool = False
) -> Array:
    """Return an index along an axis; `None` flattens x first."""
    return function(array_of(x), axis, keepdims=keepdims)


@family(static=["axis"])
def extremum(
    function: Function,
    x: Tensor,
    axis: Axis = None,
    keepdims: bool = False,
    initial: float | None = None,
) -> Array:
    """Reduce the axes, starting from `initial`."""
    return function(array_of(x), axes_of(axis), keepdims=keepdims, initial=initial)


@family()
def cumulative(
    function: Function, x: Tensor, axis: int | None = None, dtype: DTypeLike = None
) -> Array:
    """Accumulate along an axis; `None` flattens x first."""
    return function(array_of(x), axis, dtype)


@family(static=["axis"])
def quantiles(
    function: Function,
    x: Tensor,
    q: Tensor,
    axis: Axis = None,
    method: str = "linear",
    keepdims: bool = False,
) -> Array:
    """Compute quantiles.

    Args:
        x: any array.
        q: one or more positions: from 0 to 1 for quantiles, to 100 for percentiles.
        axis: an axis or several; `None` for all.
        method: interpolation between two elements: "linear", "lower", "higher",
            "midpoint" or "nearest".
        keepdims: whether reduced axes remain with length 1.
    """
    x, q = float_array(x), float_array(q)
    return function(x, q, axes_of(axis), method=method, keepdims=keepdims)


@family()
def joined(function: Function, xs: Sequence[Tensor]) -> Array:
    """Join arrays along an axis that the function determines."""
    return function([array_of(x) for x in xs])
