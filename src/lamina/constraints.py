"""Weight constraints, applied after each update.

A constraint is called with a weight and returns its projection onto the allowed set.
Its limits are hyperparameters: changing one does not recompile the training step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import config, ops
from lamina.core.check import at_least, between
from lamina.core.module import Hyperparameter, Module
from lamina.core.registry import Registry
from lamina.core.registry import serialize as serialize_object
from lamina.typing import Array, ConstraintLike

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]


def __dir__() -> list[str]:
    return __all__


class Constraint(Module):
    """Base class of weight constraints: override `__call__`.

    The constructor's arguments become the config.

    Example:
        >>> class AtMostOne(Constraint):
        ...     def __call__(self, w):
        ...         return ops.minimum(w, 1.0)
        >>> AtMostOne()(ops.array([0.5, 2.0])).tolist()
        [0.5, 1.0]
    """

    def __call__(self, w: Array) -> Any:
        """Return the projection of a weight."""
        return w


def _norms(w: Array, axis: int | Sequence[int]) -> Any:
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


class NonNeg(Constraint):
    """Non-negativity constraint: max(w, 0).

    Example:
        >>> NonNeg()(ops.array([-1.0, 2.0])).tolist()
        [0.0, 2.0]
    """

    def __call__(self, w: Array) -> Any:
        return ops.maximum(w, 0.0)


class UnitNorm(Constraint):
    """Unit norm constraint: w / norm(w).

    Args:
        axis: the axes of the norm: 0 for the inputs of each unit of `Dense`,
            [0, 1, 2] for each filter of `Conv2D`.

    Example:
        >>> [round(w, 3) for w in UnitNorm()(ops.array([3.0, 4.0])).tolist()]
        [0.6, 0.8]
    """

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self.axis = axis

    def __call__(self, w: Array) -> Any:
        return w / (config.epsilon() + _norms(w, self.axis))


class MinMaxNorm(Constraint):
    """Constraint of the norm to [min_value, max_value].

    The norm becomes (1 - rate) * norm + rate * clip(norm, min_value, max_value).

    Args:
        min_value: the smallest norm.
        max_value: the largest norm.
        rate: 1 to enforce the limits strictly, less to move towards them.
        axis: the axes of the norm, as in `UnitNorm`.

    Example:
        >>> half_way = MinMaxNorm(max_value=1.0, rate=0.5)
        >>> [round(w, 3) for w in half_way(ops.array([3.0, 4.0])).tolist()]
        [1.8, 2.4]
    """

    min_value = Hyperparameter(at_least(0))
    max_value = Hyperparameter(at_least(0))
    rate = Hyperparameter(between(0, 1))

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ) -> None:
        self.min_value, self.max_value, self.rate = min_value, max_value, rate
        self.axis = axis

    def __call__(self, w: Array) -> Any:
        norms = _norms(w, self.axis)
        clipped = ops.clip(norms, self.min_value, self.max_value)
        target = norms + self.rate * (clipped - norms)
        return w * (target / (config.epsilon() + norms))


class MaxNorm(Constraint):
    """Constraint of the norm to at most `max_value`.

    Args:
        max_value: the largest norm.
        axis: the axes of the norm, as in `UnitNorm`.

    Example:
        >>> [round(w, 3) for w in MaxNorm(2.5)(ops.array([3.0, 4.0])).tolist()]
        [1.5, 2.0]

    Reference: Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """

    max_value = Hyperparameter(at_least(0))

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Array) -> Any:
        norms = _norms(w, self.axis)
        target = ops.minimum(norms, self.max_value)
        return w * (target / (config.epsilon() + norms))


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

registry = Registry("constraint", "keras.constraints")
registry.add(Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm)
get, deserialize = registry.get, registry.deserialize


def serialize(constraint: ConstraintLike) -> Any:
    """Return the config of a constraint; functions of lamina have their name.

    Args:
        constraint: a constraint.

    Example:
        >>> serialize(NonNeg())["class_name"]
        'NonNeg'
    """
    return serialize_object(constraint)
