"""Merging layers, which combine several tensors into one."""

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
from lamina.typing import Array, PartialShape

Shape = Sequence[int | None]


class Merge(Layer):
    """Base class of layers that are called on a list of tensors.

    Args:
        count: number of inputs; any number from one when 0.
    """

    supports_masking = True
    count: ClassVar[int] = 0

    def build(self, input_shape: PartialShape) -> None:
        """Check that the shapes can be merged."""
        is_list = isinstance(input_shape, (list, tuple)) and all(
            isinstance(shape, (list, tuple)) for shape in input_shape
        )
        if not is_list or not input_shape or self.count not in (0, len(input_shape)):
            got = f"{len(input_shape)}" if is_list else f"one of shape {input_shape}"
            raise ArgumentError(
                f"Layer {self.name!r} ({type(self).__name__}) must be called on a list "
                f"of {self.count or 'one or more'} tensors, as in `layer([a, b])`. It "
                f"got {got}."
            )
        if not self._can_merge(input_shape):
            shapes = " and ".join(str(tuple(shape)) for shape in input_shape)
            raise ShapeError(
                f"Layer {self.name!r} ({type(self).__name__}) cannot merge inputs of "
                f"shapes {shapes}: {self._requirement()}."
            )

    def _can_merge(self, shapes: Sequence[Shape]) -> bool:
        """Return whether the shapes broadcast against each other."""
        rank = max(map(len, shapes))
        aligned = [(*s[:1], *[1] * (rank - len(s)), *s[1:]) for s in shapes]
        return all(
            len({*sizes} - {None, 1}) <= 1 for sizes in zip(*aligned, strict=True)
        )

    def _requirement(self) -> str:
        return "the sizes of each axis must be equal or 1"

    def compute_mask(self, inputs: Array, mask: Any = None) -> Any:
        """Combine the masks by "or"; return None if an input has no mask."""
        if mask is None or any(m is None for m in mask):
            return None
        return functools.reduce(jnp.logical_or, mask)


class Elementwise(Merge):
    """Base class of layers that reduce a list of tensors by a binary function.

    Inputs of lower rank get axes of size 1 after the batch axis.
    """

    combine: ClassVar[Callable[[Array, Array], Array]]

    def call(self, inputs: Sequence[Array]) -> Array:
        rank = max(x.ndim for x in inputs)
        aligned = [
            x.reshape(*x.shape[:1], *[1] * (rank - x.ndim), *x.shape[1:])
            for x in inputs
        ]
        return self.merge(aligned)

    def merge(self, inputs: Sequence[Array]) -> Array:
        """Merge inputs of equal rank."""
        return functools.reduce(type(self).combine, inputs)


class Add(Elementwise):
    """Elementwise sum of tensors.

    Shape:
        A list of broadcastable shapes to their broadcast shape.

    Example:
        >>> Add()([jnp.ones((2, 3)), jnp.ones((2, 3))]).shape
        (2, 3)
    """

    combine = staticmethod(jnp.add)


class Subtract(Elementwise):
    """Elementwise difference of two tensors, `first - second`.

    Shape:
        Two broadcastable shapes to their broadcast shape.

    Example:
        >>> Subtract()([jnp.array([3.0]), jnp.array([1.0])])
        Array([2.], dtype=float32)
    """

    count = 2
    combine = staticmethod(jnp.subtract)


class Average(Elementwise):
    """Elementwise mean of tensors.

    Shape:
        A list of broadcastable shapes to their broadcast shape.

    Example:
        >>> Average()([jnp.array([3.0]), jnp.array([1.0])])
        Array([2.], dtype=float32)
    """

    combine = staticmethod(jnp.add)

    def merge(self, inputs: Sequence[Array]) -> Array:
        """Return the mean of inputs of equal rank."""
        return super().merge(inputs) / len(inputs)


def _broadcast_mask(x: Array) -> Array | None:
    """Return the mask of an array, broadcast to its shape, or None."""
    mask = get_mask(x)
    return None if mask is None else jnp.broadcast_to(mask[..., None], x.shape)


class Multiply(Elementwise):
    """Elementwise product of tensors.

    Masked elements count as 1. The product of elements that are all masked is 0.

    Shape:
        A list of broadcastable shapes to their broadcast shape.

    Example:
        >>> Multiply()([jnp.array([3.0]), jnp.array([2.0])])
        Array([6.], dtype=float32)
    """

    combine = staticmethod(jnp.multiply)

    def call(self, inputs: Array) -> Any:
        masks = [_broadcast_mask(x) for x in inputs]
        pairs = zip(inputs, masks, strict=True)
        product = super().call(
            [x if m is None else jnp.where(m, x, 1) for x, m in pairs]
        )
        known = [m for m in masks if m is not None]
        if len(known) < len(masks):
            return product
        return jnp.where(functools.reduce(jnp.logical_or, known), product, 0)


class _Extremum(Elementwise):
    """Base class of `Maximum` and `Minimum`, which ignore masked elements."""

    def call(self, inputs: Sequence[Array]) -> Array:
        masks = [_broadcast_mask(x) for x in inputs]
        if all(m is None for m in masks):
            return super().call(inputs)
        result, result_mask = inputs[0], masks[0]
        for x, mask in zip(inputs[1:], masks[1:], strict=True):
            x = x if mask is None else jnp.where(mask, x, result)
            if result_mask is not None:
                result = jnp.where(result_mask, result, x)
                result_mask = None if mask is None else result_mask | mask
            result = type(self).combine(result, x)
        return result


class Maximum(_Extremum):
    """Elementwise maximum of tensors.

    Shape:
        A list of broadcastable shapes to their broadcast shape.

    Example:
        >>> Maximum()([jnp.array([3.0, 0.0]), jnp.array([1.0, 2.0])])
        Array([3., 2.], dtype=float32)
    """

    combine = staticmethod(jnp.maximum)


class Minimum(_Extremum):
    """Elementwise minimum of tensors.

    Shape:
        A list of broadcastable shapes to their broadcast shape.

    Example:
        >>> Minimum()([jnp.array([3.0, 0.0]), jnp.array([1.0, 2.0])])
        Array([1., 0.], dtype=float32)
    """

    combine = staticmethod(jnp.minimum)


class Concatenate(Merge):
    """Concatenation of tensors along an axis.

    Args:
        axis: the axis; the sizes of all others must be equal.

    Shape:
        A list of (..., n_i, ...) to (..., sum(n_i), ...).

    Example:
        >>> Concatenate()([jnp.ones((2, 3)), jnp.ones((2, 4))]).shape
        (2, 7)
    """

    arguments = {"axis": Check("an integer", is_int, ("1", None, 1.5))}

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def _can_merge(self, shapes: Sequence[Shape]) -> bool:
        rank = len(shapes[0])
        if any(len(s) != rank for s in shapes) or not -rank <= self.axis < rank:
            return False
        axes = list(zip(*shapes, strict=True))
        del axes[self.axis]
        return all(len({*sizes} - {None}) <= 1 for sizes in axes)

    def _requirement(self) -> str:
        return f"all sizes except those of axis {self.axis} must be equal"

    def call(self, inputs: Array) -> Any:
        return jnp.concatenate(inputs, self.axis)

    def compute_mask(self, inputs: Array, mask: Any = None) -> Any:
        """Concatenate the masks; inputs without a mask count as unmasked."""
        if mask is None or all(m is None for m in mask):
            return None
        masks = []
        for x, x_mask in zip(inputs, mask, strict=True):
            x_mask = jnp.ones((), bool) if x_mask is None else x_mask
            while 0 < x_mask.ndim < x.ndim:
                x_mask = x_mask[..., None]
            masks.append(jnp.broadcast_to(x_mask, x.shape))
        return jnp.any(jnp.concatenate(masks, self.axis), axis=-1)


class Dot(Merge):
    """Batched dot product of two tensors along one axis of each.

    Args:
        axes: the axis to sum over: one for both, or a pair; it cannot be the batch
            axis, 0.
        normalize: whether to normalize both to length 1 along it, so that the result
            is the cosine similarity.

    Shape:
        (batch, ..., n, ...) and (batch, ..., n, ...) to (batch, ...) with the other
        axes of the first tensor and then of the second; at least (batch, 1).

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

    def _axis_pair(self) -> tuple[int, int]:
        first, second = (self.axes,) * 2 if isinstance(self.axes, int) else self.axes
        return first, second

    def _can_merge(self, shapes: Sequence[Shape]) -> bool:
        pairs = list(zip(shapes, self._axis_pair(), strict=True))
        if any(not -len(s) < axis < len(s) for s, axis in pairs):
            return False
        summed = {s[axis] for s, axis in pairs} - {None}
        return len(summed) <= 1 and len({s[0] for s in shapes} - {None}) <= 1

    def _requirement(self) -> str:
        first, second = self._axis_pair()
        return (
            f"axis {first} of the first must have the size of axis {second} of the "
            "second, and the batch sizes must be equal"
        )

    def call(self, inputs: Array) -> Any:
        first, second = inputs
        axes = [
            axis % x.ndim for axis, x in zip(self._axis_pair(), inputs, strict=True)
        ]
        if self.normalize:
            first = _l2_normalize(first, axes[0])
            second = _l2_normalize(second, axes[1])
        dimensions = (([axes[0]], [axes[1]]), ([0], [0]))
        result = jax.lax.dot_general(first, second, dimensions)
        return result[:, None] if result.ndim == 1 else result

    def compute_mask(self, inputs: Array, mask: Any = None) -> None:
        """Return None: the output does not have the masked axes."""


def _l2_normalize(x: Array, axis: int) -> Array:
    squares = jnp.sum(jnp.square(x), axis, keepdims=True)
    return x * jax.lax.rsqrt(jnp.maximum(squares, 1e-24))


@filter_traceback
def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the elementwise sum of tensors.

    Args:
        inputs: list of tensors.
        **kwargs: arguments of `Add`.
    """
    return Add(**kwargs)(inputs)


@filter_traceback
def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the elementwise difference of two tensors, `first - second`.

    Args:
        inputs: list of two tensors.
        **kwargs: arguments of `Subtract`.
    """
    return Subtract(**kwargs)(inputs)


@filter_traceback
def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the elementwise product of tensors.

    Args:
        inputs: list of tensors.
        **kwargs: arguments of `Multiply`.
    """
    return Multiply(**kwargs)(inputs)


@filter_traceback
def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the elementwise mean of tensors.

    Args:
        inputs: list of tensors.
        **kwargs: arguments of `Average`.
    """
    return Average(**kwargs)(inputs)


@filter_traceback
def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the elementwise maximum of tensors.

    Args:
        inputs: list of tensors.
        **kwargs: arguments of `Maximum`.
    """
    return Maximum(**kwargs)(inputs)


@filter_traceback
def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the elementwise minimum of tensors.

    Args:
        inputs: list of tensors.
        **kwargs: arguments of `Minimum`.
    """
    return Minimum(**kwargs)(inputs)


@filter_traceback
def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Concatenate tensors along an axis.

    Args:
        inputs: list of tensors.
        axis: the axis; the sizes of all others must be equal.
        **kwargs: arguments of `Concatenate`.
    """
    return Concatenate(axis, **kwargs)(inputs)


@filter_traceback
def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """Return the batched dot product of two tensors along one axis of each.

    Args:
        inputs: list of two tensors.
        axes: the axis to sum over: one for both, or a pair.
        **kwargs: arguments of `Dot`.
    """
    return Dot(axes, **kwargs)(inputs)
