"""Layers that make one tensor of several."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from lamina.core.check import Check, boolean, is_int
from lamina.core.masks import get_mask
from lamina.core.tracebacks import filter_traceback
from lamina.errors import ArgumentError, ShapeError
from lamina.layers.base.layer import Layer

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]

Shape = Sequence[int | None]


class Merge(Layer):
    """A layer called on a list of tensors.

    Args:
        count: how many it takes; any number of at least one when 0.
    """

    supports_masking = True
    count: ClassVar[int] = 0

    def build(self, input_shape: Any) -> None:
        """Check that the shapes fit together."""
        several = isinstance(input_shape, (list, tuple)) and all(
            isinstance(shape, (list, tuple)) for shape in input_shape
        )
        if not several or not input_shape or self.count not in (0, len(input_shape)):
            got = f"{len(input_shape)}" if several else f"one of shape {input_shape}"
            raise ArgumentError(
                f"Layer {self.name!r} ({type(self).__name__}) must be called on a list "
                f"of {self.count or 'one or more'} tensors, as in `layer([a, b])`. It "
                f"got {got}."
            )
        if not self._fit(input_shape):
            shapes = " and ".join(str(tuple(shape)) for shape in input_shape)
            raise ShapeError(
                f"Layer {self.name!r} ({type(self).__name__}) can't merge inputs of "
                f"shapes {shapes}: {self._rule()}."
            )

    def _fit(self, shapes: Sequence[Shape]) -> bool:
        """Whether the shapes broadcast against each other."""
        rank = max(map(len, shapes))
        lined = [(*s[:1], *[1] * (rank - len(s)), *s[1:]) for s in shapes]
        return all(
            len({*column} - {None, 1}) <= 1 for column in zip(*lined, strict=True)
        )

    def _rule(self) -> str:
        return "sizes must be equal, or 1, axis by axis"

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """True where any input's mask is; none if an input has no mask."""
        if mask is None or any(m is None for m in mask):
            return None
        return functools.reduce(jnp.logical_or, mask)


class Elementwise(Merge):
    """A function of two values, applied along a list of tensors.

    Inputs of lower rank get axes of size 1 behind the batch axis.
    """

    combine: ClassVar[Callable[[Any, Any], Any]]

    def call(self, inputs: Any) -> Any:
        rank = max(x.ndim for x in inputs)
        lined = [
            x.reshape(*x.shape[:1], *[1] * (rank - x.ndim), *x.shape[1:])
            for x in inputs
        ]
        return self.merged(lined)

    def merged(self, inputs: list[jax.Array]) -> jax.Array:
        """The result for inputs of equal rank."""
        return functools.reduce(type(self).combine, inputs)


class Add(Elementwise):
    """The sum of tensors, element by element.

    Example:
        >>> Add()([jnp.ones((2, 3)), jnp.ones((2, 3))]).shape
        (2, 3)
    """

    combine = staticmethod(jnp.add)


class Subtract(Elementwise):
    """The first of two tensors minus the second.

    Example:
        >>> Subtract()([jnp.array([3.0]), jnp.array([1.0])])
        Array([2.], dtype=float32)
    """

    count = 2
    combine = staticmethod(jnp.subtract)


class Average(Elementwise):
    """The mean of tensors, element by element.

    Example:
        >>> Average()([jnp.array([3.0]), jnp.array([1.0])])
        Array([2.], dtype=float32)
    """

    combine = staticmethod(jnp.add)

    def merged(self, inputs: list[jax.Array]) -> jax.Array:
        """The sum over the number of inputs."""
        return super().merged(inputs) / len(inputs)


def _mask_like(x: jax.Array) -> Any:
    """The mask of an array, spread over its elements, or `None`."""
    mask = get_mask(x)
    return None if mask is None else jnp.broadcast_to(mask[..., None], x.shape)


class Multiply(Elementwise):
    """The product of tensors, element by element.

    Where a mask hides an input it counts as 1, and where masks hide all of them the
    product is 0.

    Example:
        >>> Multiply()([jnp.array([3.0]), jnp.array([2.0])])
        Array([6.], dtype=float32)
    """

    combine = staticmethod(jnp.multiply)

    def call(self, inputs: Any) -> Any:
        masks = [_mask_like(x) for x in inputs]
        pairs = zip(inputs, masks, strict=True)
        product = super().call(
            [x if m is None else jnp.where(m, x, 1) for x, m in pairs]
        )
        if any(m is None for m in masks):
            return product
        return jnp.where(functools.reduce(jnp.logical_or, masks), product, 0)


class _Extreme(Elementwise):
    def call(self, inputs: Any) -> Any:
        """Where a mask hides an input, the others decide."""
        masks = [_mask_like(x) for x in inputs]
        if all(m is None for m in masks):
            return super().call(inputs)
        result, seen = inputs[0], masks[0]
        for x, mask in zip(inputs[1:], masks[1:], strict=True):
            x = x if mask is None else jnp.where(mask, x, result)
            result = result if seen is None else jnp.where(seen, result, x)
            seen = None if seen is None or mask is None else seen | mask
            result = type(self).combine(result, x)
        return result


class Maximum(_Extreme):
    """The largest of tensors, element by element.

    Example:
        >>> Maximum()([jnp.array([3.0, 0.0]), jnp.array([1.0, 2.0])])
        Array([3., 2.], dtype=float32)
    """

    combine = staticmethod(jnp.maximum)


class Minimum(_Extreme):
    """The smallest of tensors, element by element.

    Example:
        >>> Minimum()([jnp.array([3.0, 0.0]), jnp.array([1.0, 2.0])])
        Array([1., 0.], dtype=float32)
    """

    combine = staticmethod(jnp.minimum)


class Concatenate(Merge):
    """Tensors joined along an axis.

    Args:
        axis: the axis; all others must be equal.

    Example:
        >>> Concatenate()([jnp.ones((2, 3)), jnp.ones((2, 4))]).shape
        (2, 7)
    """

    arguments = {"axis": Check("an integer", is_int, ("1", None, 1.5))}

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def _fit(self, shapes: Sequence[Shape]) -> bool:
        rank = len(shapes[0])
        if any(len(s) != rank for s in shapes) or not -rank <= self.axis < rank:
            return False
        columns = list(zip(*shapes, strict=True))
        del columns[self.axis]
        return all(len({*column} - {None}) <= 1 for column in columns)

    def _rule(self) -> str:
        return f"all sizes but those of axis {self.axis} must be equal"

    def call(self, inputs: Any) -> Any:
        return jnp.concatenate(inputs, self.axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The masks joined in the same way, inputs without one counting as seen."""
        if mask is None or all(m is None for m in mask):
            return None
        spread = []
        for x, seen in zip(inputs, mask, strict=True):
            seen = jnp.ones((), bool) if seen is None else seen
            while 0 < seen.ndim < x.ndim:
                seen = seen[..., None]
            spread.append(jnp.broadcast_to(seen, x.shape))
        return jnp.any(jnp.concatenate(spread, self.axis), axis=-1)


class Dot(Merge):
    """Row by row, the product of two tensors summed along one axis of each.

    Args:
        axes: the axis to sum along: one for both, or a pair; the batch axis, 0, can't
            be one.
        normalize: whether to scale both to length 1 along it, which makes the result
            the cosine similarity.

    Shape:
        (batch, ..., n, ...) and (batch, ..., n, ...) to the axes left, those of the
        first tensor before those of the second; at least (batch, 1).

    Example:
        >>> Dot(axes=1)([jnp.array([[1.0, 2.0]]), jnp.array([[3.0, 4.0]])])
        Array([[11.]], dtype=float32)
    """

    count = 2
    arguments = {
        "axes": Check(
            "an axis other than 0, or a pair of them",
            lambda v: (
                (is_int(v) and v != 0)
                or (
                    isinstance(v, (tuple, list))
                    and len(v) == 2
                    and all(is_int(n) and n != 0 for n in v)
                )
            ),
            (0, (1,), "1", (0, 1)),
        ),
        "normalize": boolean,
    }

    def __init__(
        self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.axes, self.normalize = axes, normalize

    def _pair(self) -> tuple[int, int]:
        first, second = (self.axes,) * 2 if isinstance(self.axes, int) else self.axes
        return first, second

    def _fit(self, shapes: Sequence[Shape]) -> bool:
        pairs = list(zip(shapes, self._pair(), strict=True))
        if any(not -len(s) < axis < len(s) for s, axis in pairs):
            return False
        summed = {s[axis] for s, axis in pairs} - {None}
        return len(summed) <= 1 and len({s[0] for s in shapes} - {None}) <= 1

    def _rule(self) -> str:
        first, second = self._pair()
        return (
            f"axis {first} of the first must have the size of axis {second} of the "
            "second, and the batch sizes must be equal"
        )

    def call(self, inputs: Any) -> Any:
        first, second = inputs
        axes = [axis % x.ndim for axis, x in zip(self._pair(), inputs, strict=True)]
        if self.normalize:
            first, second = _unit(first, axes[0]), _unit(second, axes[1])
        dimensions = (([axes[0]], [axes[1]]), ([0], [0]))
        result = jax.lax.dot_general(first, second, dimensions)
        return result[:, None] if result.ndim == 1 else result

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """None: the axes that masks speak of are gone."""


def _unit(x: jax.Array, axis: int) -> jax.Array:
    squares = jnp.sum(jnp.square(x), axis, keepdims=True)
    return x * jax.lax.rsqrt(jnp.maximum(squares, 1e-24))


@filter_traceback
def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The sum of tensors, element by element.

    Args:
        inputs: a list of the tensors.
        **kwargs: arguments of `Add`.
    """
    return Add(**kwargs)(inputs)


@filter_traceback
def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The first of two tensors minus the second, element by element.

    Args:
        inputs: a list of two tensors.
        **kwargs: arguments of `Subtract`.
    """
    return Subtract(**kwargs)(inputs)


@filter_traceback
def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The product of tensors, element by element.

    Args:
        inputs: a list of the tensors.
        **kwargs: arguments of `Multiply`.
    """
    return Multiply(**kwargs)(inputs)


@filter_traceback
def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The mean of tensors, element by element.

    Args:
        inputs: a list of the tensors.
        **kwargs: arguments of `Average`.
    """
    return Average(**kwargs)(inputs)


@filter_traceback
def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The largest of tensors, element by element.

    Args:
        inputs: a list of the tensors.
        **kwargs: arguments of `Maximum`.
    """
    return Maximum(**kwargs)(inputs)


@filter_traceback
def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """The smallest of tensors, element by element.

    Args:
        inputs: a list of the tensors.
        **kwargs: arguments of `Minimum`.
    """
    return Minimum(**kwargs)(inputs)


@filter_traceback
def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Tensors joined along an axis.

    Args:
        inputs: a list of the tensors.
        axis: the axis; all others must be equal.
        **kwargs: arguments of `Concatenate`.
    """
    return Concatenate(axis, **kwargs)(inputs)


@filter_traceback
def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """Row by row, the product of two tensors summed along one axis of each.

    Args:
        inputs: a list of two tensors.
        axes: the axis to sum along: one for both, or a pair.
        **kwargs: arguments of `Dot`.
    """
    return Dot(axes, **kwargs)(inputs)
