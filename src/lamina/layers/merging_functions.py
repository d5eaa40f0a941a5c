"""Functions that call a merging layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Unpack, cast

from lamina.layers.base.layer import Layer
from lamina.layers.base.options import Options
from lamina.layers.merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from lamina.ops.types import Tensor
from lamina.tracebacks import filter_traceback


class MergeFunction(Protocol):
    """Function of a list of tensors."""

    def __call__(self, inputs: Sequence[Tensor], **kwargs: Unpack[Options]) -> Any:
        """Merge the tensors."""
        ...


def _function(
    layer: type[Layer], summary: str, result: Sequence[float], count: str = ""
) -> MergeFunction:
    """Return a function that creates a layer and calls it.

    Args:
        layer: the class of the layer.
        summary: the first line of the docstring.
        result: of the example, for [1, 5] and [3, 2].
        count: number of tensors that the layer takes.
    """

    @filter_traceback
    def call(inputs: Sequence[Tensor], **kwargs: Unpack[Options]) -> Any:
        return layer(**kwargs)(inputs)

    name = layer.__name__.lower()
    call.__name__ = call.__qualname__ = name
    call.__module__ = "lamina.layers"  # where pickle finds it
    call.__doc__ = f"""{summary}

    Args:
        inputs: list of {count}tensors.
        **kwargs: arguments of `{layer.__name__}`.

    Example:
        >>> lamina.layers.{name}([jnp.array([1, 5]), jnp.array([3, 2])]).tolist()
        {result}
    """
    return cast(MergeFunction, call)


add = _function(Add, "Return the elementwise sum of tensors.", [4, 7])
subtract = _function(
    Subtract,
    "Return the elementwise difference of two tensors, `first - second`.",
    [-2, 3],
    "two ",
)
multiply = _function(Multiply, "Return the elementwise product of tensors.", [3, 10])
average = _function(Average, "Return the elementwise mean of tensors.", [2.0, 3.5])
maximum = _function(Maximum, "Return the elementwise maximum of tensors.", [3, 5])
minimum = _function(Minimum, "Return the elementwise minimum of tensors.", [1, 2])


@filter_traceback
def concatenate(
    inputs: Sequence[Tensor], axis: int = -1, **kwargs: Unpack[Options]
) -> Any:
    """Concatenate tensors along an axis.

    Args:
        inputs: list of tensors.
        axis: the axis; the sizes of all others must be equal.
        **kwargs: arguments of `Concatenate`.

    Example:
        >>> lamina.layers.concatenate([jnp.array([[1, 2]]), jnp.array([[3]])]).tolist()
        [[1, 2, 3]]
    """
    return Concatenate(axis, **kwargs)(inputs)


@filter_traceback
def dot(
    inputs: Sequence[Tensor], axes: int | Sequence[int] = -1, **kwargs: Unpack[Options]
) -> Any:
    """Return the batched dot product of two tensors along one axis of each.

    Args:
        inputs: list of two tensors.
        axes: the axis to sum over: one for both, or a pair.
        **kwargs: arguments of `Dot`.

    Example:
        >>> lamina.layers.dot([jnp.array([[1, 2]]), jnp.array([[3, 4]])]).tolist()
        [[11]]
    """
    return Dot(axes, **kwargs)(inputs)
