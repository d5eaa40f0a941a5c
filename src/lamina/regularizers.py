"""Weight and activity regularizers: penalties added to the loss.

A regularizer is called with an array and returns a scalar. Its factors are
hyperparameters: changing one does not recompile the training step.
"""

from __future__ import annotations

from typing import Any

from lamina import ops
from lamina.core.check import at_least, one_of, optional
from lamina.core.module import Hyperparameter, Module
from lamina.core.registry import Registry
from lamina.core.registry import serialize as serialize_object
from lamina.errors import ShapeError
from lamina.typing import Array, RegularizerLike

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]


def __dir__() -> list[str]:
    return __all__


_factor = optional(at_least(0))


class Regularizer(Module):
    """Base class of regularizers: override `__call__`.

    The constructor's arguments become the config.

    Example:
        >>> class Cubic(Regularizer):
        ...     def __call__(self, x):
        ...         return ops.sum(ops.absolute(x) ** 3)
        >>> float(Cubic()(ops.array([1.0, -2.0])))
        9.0
    """

    def __call__(self, x: Array) -> Any:
        """Return the penalty of an array."""
        return 0.0


class L1(Regularizer):
    """L1 regularizer: l1 * sum(|x|).

    Args:
        l1: the factor; `None` for 0.01.

    Example:
        >>> float(L1(0.5)(ops.array([1.0, -3.0])))
        2.0
    """

    l1 = Hyperparameter(_factor)

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = 0.01 if l1 is None else l1

    def __call__(self, x: Array) -> Any:
        return ops.cast(self.l1, x.dtype) * ops.sum(ops.absolute(x))


class L2(Regularizer):
    """L2 regularizer: l2 * sum(x**2).

    Args:
        l2: the factor; `None` for 0.01.

    Example:
        >>> float(L2(0.5)(ops.array([1.0, 3.0])))
        5.0
    """

    l2 = Hyperparameter(_factor)

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = 0.01 if l2 is None else l2

    def __call__(self, x: Array) -> Any:
        return ops.cast(self.l2, x.dtype) * ops.sum(ops.square(x))


class L1L2(Regularizer):
    """L1 and L2 regularizer: l1 * sum(|x|) + l2 * sum(x**2).

    Args:
        l1: the factor of the absolute values.
        l2: the factor of the squares.

    Example:
        >>> float(L1L2(l1=1.0, l2=0.5)(ops.array([1.0, -3.0])))
        9.0
    """

    l1, l2 = Hyperparameter(_factor), Hyperparameter(_factor)

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1, self.l2 = l1 or 0.0, l2 or 0.0

    def __call__(self, x: Array) -> Any:
        absolute = ops.cast(self.l1, x.dtype) * ops.sum(ops.absolute(x))
        return absolute + ops.cast(self.l2, x.dtype) * ops.sum(ops.square(x))


class OrthogonalRegularizer(Regularizer):
    """Regularizer that encourages orthogonal rows or columns of a matrix.

    The penalty is factor * mean(|cosine|) over the pairs of different vectors.

    Args:
        factor: the factor.
        mode: "rows" or "columns".

    Raises:
        ShapeError: the array is not a matrix.

    Example:
        >>> penalty = OrthogonalRegularizer(factor=1.0)
        >>> float(penalty(ops.array([[1.0, 0.0], [0.0, 2.0]])))
        0.0
        >>> round(float(penalty(ops.array([[1.0, 0.0], [1.0, 0.0]]))), 3)
        1.0
    """

    arguments = {"mode": one_of("rows", "columns")}
    factor = Hyperparameter(at_least(0))

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor, self.mode = factor, mode.lower()

    def __call__(self, inputs: Array) -> Any:
        if len(inputs.shape) != 2:
            raise ShapeError(
                "OrthogonalRegularizer needs a matrix. Received an array of shape "
                f"{tuple(inputs.shape)}."
            )
        vectors = inputs if self.mode == "rows" else ops.transpose(inputs)
        vectors = ops.normalize(vectors, axis=1)
        count = vectors.shape[0]
        cosines = ops.matmul(vectors, ops.transpose(vectors))
        off_diagonal = 1.0 - ops.eye(count, dtype=cosines.dtype)
        total = ops.sum(ops.absolute(cosines) * off_diagonal)
        pair_count = count * (count - 1) / 2
        return ops.cast(self.factor, cosines.dtype) * 0.5 * total / pair_count


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

registry = Registry("regularizer", "keras.regularizers")
registry.add(L1, L1L2, L2, OrthogonalRegularizer, Regularizer, l1_l2=L1L2)
get, deserialize = registry.get, registry.deserialize


def serialize(regularizer: RegularizerLike) -> Any:
    """Return the config of a regularizer; functions of lamina have their name.

    Args:
        regularizer: a regularizer.

    Example:
        >>> serialize(L2(0.5))["config"]
        {'l2': 0.5}
    """
    return serialize_object(regularizer)
