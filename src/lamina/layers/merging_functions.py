"""Functions that call a merging layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from lamina.core.tracebacks import filter_traceback
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


@filter_traceback
def add(inputs: Sequence[Tensor], **kwargs: Unpack[Options]) -> Any:
    """Return the elementwise sum of tensors.

    Args:
        inputs: list of tensors.
        **kwargs: arguments of `Add`.
    """
    return Add(**kwargs)(inputs)


@filter_traceback
def subtract(inputs: Sequence[Tensor], **kwargs: Unpack[Options]) -> Any:
    """Return the elementwise difference of two tensors, `first - second`.

    Args:
        inputs: list of two tensors.
        **kwargs: arguments of `Subtract`.
    """
    return Subtract(**kwargs)(inputs)


@filter_traceback
def multiply(inputs: Sequence[Tensor], **kwargs: Unpack[Options]) -> Any:
    """Return the elementwise product of tensors.

    Args:
        inputs: list of tensors.
        **kwargs: arguments of `Multiply`.
    """
    return Multiply(**kwargs)(inputs)


@filter_traceback
def average(inputs: Sequence[Tensor], **kwargs: Unpack[Options]) -> Any:
    """Return the elementwise mean of tensors.

    Args:
        inputs: list of tensors.
        **kwargs: arguments of `Average`.
    """
    return Average(**kwargs)(inputs)


@filter_traceback
def maximum(inputs: Sequence[Tensor], **kwargs: Unpack[Options]) -> Any:
    """Return the elementwise maximum of tensors.

    Args:
        inputs: list of tensors.
        **kwargs: arguments of `Maximum`.
    """
    return Maximum(**kwargs)(inputs)


@filter_traceback
def minimum(inputs: Sequence[Tensor], **kwargs: Unpack[Options]) -> Any:
    """Return the elementwise minimum of tensors.

    Args:
        inputs: list of tensors.
        **kwargs: arguments of `Minimum`.
    """
    return Minimum(**kwargs)(inputs)


@filter_traceback
def concatenate(
    inputs: Sequence[Tensor], axis: int = -1, **kwargs: Unpack[Options]
) -> Any:
    """Concatenate tensors along an axis.

    Args:
        inputs: list of tensors.
        axis: the axis; the sizes of all others must be equal.
        **kwargs: arguments of `Concatenate`.
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
    """
    return Dot(axes, **kwargs)(inputs)
