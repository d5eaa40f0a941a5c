"""Merging layers, which combine several tensors into one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias, TypeVar, Unpack

import jax
import jax.numpy as jnp

from lamina import ops
from lamina.core.check import Check, boolean, is_int
from lamina.core.masks import get_mask
from lamina.errors import ArgumentError, ShapeError
from lamina.layers.base.layer import Layer
from lamina.layers.base.options import Options
from lamina.typing import Array, PartialShape

T = TypeVar("T")
Masks: TypeAlias = Sequence[Array | None] | None


def _align(shapes: Sequence[Sequence[T]]) -> list[tuple[T | int, ...]]:
    """Insert axes of size 1 after the batch axis, so that all ranks are equal."""
    rank = max(map(len, shapes))
    return [(*s[:1], *[1] * (rank - len(s)), *s[1:]) for s in shapes]


class Merge(Layer):
    """Base class of layers that are called on a list of tensors.

    Args:
        count: number of inputs; any number from one when 0.
    """

    supports_masking = True
    count: ClassVar[int] = 0

    def build(self, input_shape: Sequence[PartialShape]) -> None:
        """Check that the shapes can be merged."""
        layer = f"Layer {self.name!r} ({type(self).__name__})"
        is_list = isinstance(input_shape, (list, tuple)) and all(
            isinstance(shape, (list, tuple)) for shape in input_shape
        )
        if not is_list or not input_shape or self.count not in (0, len(input_shape)):
            got = f"{len(input_shape)}" if is_list else f"one of shape {input_shape}"
            raise ArgumentError(
                f"{layer} must be called on a list of {self.count or 'one or more'} "
                f"tensors, as in `layer([a, b])`. It got {got}."
            )
        requirement = self.violated(input_shape)
        if requirement:
            shapes = " and ".join(str(tuple(shape)) for shape in input_shape)
            raise ShapeError(
                f"{layer} cannot merge inputs of shapes {shapes}: {requirement}."
            )

    def violated(self, shapes: Sequence[PartialShape]) -> str:
        """Return the requirement that the shapes violate, or an empty string."""
        aligned = [{*sizes} - {None, 1} for sizes in zip(*_align(shapes), strict=True)]
        wrong = [axis for axis, sizes in enumerate(aligned) if len(sizes) > 1]
        if not wrong:
            return ""
        rule = "the sizes of each axis must be equal or 1"
        if wrong != [len(aligned) - 1]:
            return rule
        units = next(shape[-1] for shape in shapes if shape[-1] is not None)
        return (
            f"{rule}. Give all {units} features, for example by layers.Dense({units})"
        )

    def compute_mask(self, inputs: Sequence[Array], mask: Masks = None) -> Any:
        """Combine the masks by "or"; return None if an input has no mask.

        Raises:
            ArgumentError: there is not one mask, or `None`, for each input.
        """
        if mask is None:
            return None
        pair = inputs, mask
        is_list = all(isinstance(part, (list, tuple)) for part in pair)
        if not is_list or len(inputs) != len(mask):
            raise ArgumentError(
                f"Layer {self.name!r} ({type(self).__name__}): `compute_mask` takes a "
                "list of inputs, and a list with a mask or None for each of them."
            )
        masks = [m for m in mask if m is not None]
        if len(masks) < len(mask):
            return None
        return functools.reduce(ops.logical_or, masks)


class Elementwise(Merge):
    """Base class of layers that reduce a list of tensors by a binary function.

    Inputs of lower rank get axes of size 1 after the batch axis.
    """

    combine: ClassVar[Callable[[Array, Array], Array]]

    def call(self, inputs: Sequence[Array]) -> Array:
        shapes = _align([x.shape for x in inputs])
        aligned = [x.reshape(s) for x, s in zip(inputs, shapes, strict=True)]
        return functools.reduce(type(self).combine, aligned)


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

    def call(self, inputs: Sequence[Array]) -> Array:
        return super().call(inputs) / len(inputs)


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

    def call(self, inputs: Sequence[Array]) -> Array:
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

    def __init__(self, axis: int = -1, **kwargs: Unpack[Options]) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def violated(self, shapes: Sequence[PartialShape]) -> str:
        rank = len(shapes[0])
        if all(len(s) == rank for s in shapes) and -rank <= self.axis < rank:
            axes = list(zip(*shapes, strict=True))
            del axes[self.axis]
            if all(len({*sizes} - {None}) <= 1 for sizes in axes):
                return ""
        return f"all sizes except those of axis {self.axis} must be equal"

    def call(self, inputs: Sequence[Array]) -> Array:
        return jnp.concatenate(inputs, self.axis)

    def compute_mask(self, inputs: Sequence[Array], mask: Masks = None) -> Any:
        """Concatenate the masks; inputs without a mask count as unmasked."""
        if mask is None or all(m is None for m in mask):
            return None
        masks = []
        for x, x_mask in zip(inputs, mask, strict=True):
            x_mask = jnp.ones((), bool) if x_mask is None else x_mask
            x_mask = jnp.expand_dims(x_mask, tuple(range(x_mask.ndim, x.ndim)))
            masks.append(jnp.broadcast_to(x_mask, x.shape))
        return jnp.any(jnp.concatenate(masks, self.axis), axis=-1)


def _pair(axes: int | Sequence[int]) -> Sequence[int]:
    return (axes, axes) if isinstance(axes, int) else axes


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
                isinstance(v, (int, tuple, list))
                and len(_pair(v)) == 2
                and all(is_int(n) and n != 0 for n in _pair(v))
            ),
            (0, (1,), "1", (0, 1)),
        ),
        "normalize": boolean,
    }

    def __init__(
        self,
        axes: int | Sequence[int],
        normalize: bool = False,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(**kwargs)
        self.axes, self.normalize = axes, normalize

    def violated(self, shapes: Sequence[PartialShape]) -> str:
        axes = _pair(self.axes)
        pairs = list(zip(shapes, axes, strict=True))
        if all(-len(s) < axis < len(s) for s, axis in pairs):
            summed = {s[axis] for s, axis in pairs} - {None}
            if len(summed) <= 1 and len({s[0] for s in shapes} - {None}) <= 1:
                return ""
        return (
            f"axis {axes[0]} of the first must have the size of axis {axes[1]} of the "
            "second, and the batch sizes must be equal"
        )

    def call(self, inputs: Sequence[Array]) -> Array:
        first, second = inputs
        axes = [a % x.ndim for a, x in zip(_pair(self.axes), inputs, strict=True)]
        if self.normalize:
            first = ops.normalize(first, axes[0], epsilon=1e-12)
            second = ops.normalize(second, axes[1], epsilon=1e-12)
        dimensions = (([axes[0]], [axes[1]]), ([0], [0]))
        result = jax.lax.dot_general(first, second, dimensions)
        return result[:, None] if result.ndim == 1 else result

    def compute_mask(self, inputs: Sequence[Array], mask: Masks = None) -> None:
        """Return None: the output does not have the masked axes."""
