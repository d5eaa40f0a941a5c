"""Reshaping, padding, cropping and upsampling layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lamina import config
from lamina.core.check import Check, is_int, one_of, positive_int, sizes
from lamina.errors import ShapeError
from lamina.layers.base.layer import Layer
from lamina.layers.base.spec import InputSpec
from lamina.layers.spatial import Spatial, data_formats, per_axis
from lamina.typing import Array

__all__ = [
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Flatten",
    "Permute",
    "RepeatVector",
    "Reshape",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]


class Flatten(Layer):
    """Flattening of each row to a vector.

    Args:
        data_format: `"channels_first"` moves the channels last before flattening, so
            that the order of the elements does not depend on the layout.

    Shape:
        (batch, ...) to (batch, features); (batch,) to (batch, 1).

    Example:
        >>> Flatten()(jnp.ones((2, 3, 4))).shape
        (2, 12)
    """

    arguments = {"data_format": data_formats}

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = (data_format or config.image_data_format()).lower()
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Any:
        if self.data_format == "channels_first" and inputs.ndim > 1:
            inputs = jnp.moveaxis(inputs, 1, -1)
        return inputs.reshape(inputs.shape[0], math.prod(inputs.shape[1:]))


_target_shape = Check(
    "a tuple of sizes, one of which may be -1",
    lambda v: (
        isinstance(v, (tuple, list))
        and all(is_int(n) and n >= -1 for n in v)
        and list(v).count(-1) <= 1
    ),
    (3, (-1, -1), (-2,), ("3",)),
)


class Reshape(Layer):
    """Reshaping of each row.

    Args:
        target_shape: the new shape without the batch axis; one size may be -1, which
            is inferred from the others.

    Shape:
        (batch, ...) to (batch, *target_shape).

    Raises:
        ShapeError: the number of elements does not match.

    Example:
        >>> Reshape((3, -1))(jnp.ones((2, 12))).shape
        (2, 3, 4)
    """

    arguments = {"target_shape": _target_shape}

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Check that the number of elements matches."""
        row_shape, target = input_shape[1:], self.target_shape
        known = math.prod(n for n in target if n != -1)
        if None in row_shape:
            return
        total = math.prod(n for n in row_shape if n is not None)
        if total % known if -1 in target and known else total != known:
            raise ShapeError(
                f"Layer {self.name!r} (Reshape) cannot reshape rows of shape "
                f"{tuple(row_shape)} to {target}: they have {total} elements."
            )

    def call(self, inputs: Any) -> Any:
        batch, *sizes = inputs.shape
        known = math.prod(n for n in self.target_shape if n != -1)
        # `reshape` cannot infer -1 for an empty batch.
        inferred = math.prod(sizes) // max(known, 1)
        return inputs.reshape(
            batch, *(inferred if n == -1 else n for n in self.target_shape)
        )


class Permute(Layer):
    """Permutation of the axes of each row.

    Args:
        dims: the input's axes in their new order, counted from 1; the batch axis, 0,
            is not included.

    Shape:
        (batch, ...) to (batch, ...) with the permuted axes.

    Example:
        >>> Permute((2, 1))(jnp.ones((5, 2, 3))).shape
        (5, 3, 2)
    """

    arguments = {
        "dims": Check(
            "the numbers 1, 2, ... in some order",
            lambda v: (
                isinstance(v, (tuple, list))
                and all(is_int(n) for n in v)
                and sorted(v) == list(range(1, len(v) + 1))
            ),
            ((0, 1), (1, 1), (2, 3), 3),
        )
    }

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Any) -> Any:
        return inputs.transpose(0, *self.dims)


class RepeatVector(Layer):
    """Repetition of each row `n` times, as steps of a sequence.

    Args:
        n: number of repetitions.

    Shape:
        (batch, features) to (batch, n, features).

    Example:
        >>> RepeatVector(3)(jnp.ones((2, 5))).shape
        (2, 3, 5)
    """

    arguments = {"n": positive_int}

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = n
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Any) -> Any:
        return jnp.repeat(inputs[:, None], self.n, axis=1)


def _repeat(inputs: Array, axes: Sequence[int], factors: Sequence[int]) -> Array:
    for axis, count in zip(axes, factors, strict=True):
        inputs = jnp.repeat(inputs, count, axis)
    return inputs


class UpSampling1D(Layer):
    """1D upsampling: repetition of each step.

    Args:
        size: number of repetitions.

    Shape:
        (batch, steps, channels) to (batch, steps * size, channels).

    Example:
        >>> UpSampling1D(2)(jnp.array([[[1.0], [2.0]]]))[0, :, 0]
        Array([1., 1., 2., 2.], dtype=float32)
    """

    arguments = {"size": positive_int}

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs: Any) -> Any:
        return jnp.repeat(inputs, self.size, 1)


class UpSampling2D(Spatial):
    """2D upsampling of images by integer factors.

    Args:
        size: factors of rows and columns.
        data_format: `"channels_last"` or `"channels_first"`.
        interpolation: `"nearest"`, which repeats pixels, `"bilinear"`, `"bicubic"`,
            `"lanczos3"` or `"lanczos5"`.

    Shape:
        (batch, rows, columns, channels) to (batch, rows * size[0], columns * size[1],
        channels), or with the channels second.

    Example:
        >>> UpSampling2D((2, 3))(jnp.ones((1, 4, 4, 8))).shape
        (1, 8, 12, 8)
    """

    rank = 2
    arguments = {
        "size": sizes(2),
        "data_format": data_formats,
        "interpolation": one_of(
            "nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"
        ),
    }

    def __init__(
        self,
        size: int | Sequence[int] = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.size = per_axis(size, 2)
        self.interpolation = interpolation.lower()

    def call(self, inputs: Any) -> Any:
        if self.interpolation == "nearest":
            return _repeat(inputs, self.spatial_axes, self.size)
        shape = list(inputs.shape)
        for axis, factor in zip(self.spatial_axes, self.size, strict=True):
            shape[axis] *= factor
        resized = jax.image.resize(inputs, shape, self.interpolation, antialias=False)
        return resized.astype(inputs.dtype)


class UpSampling3D(Spatial):
    """3D upsampling: repetition of the elements of a volume.

    Args:
        size: factors of the three spatial axes.
        data_format: `"channels_last"` or `"channels_first"`.

    Shape:
        (batch, depth, rows, columns, channels) to (batch, depth * size[0], rows *
        size[1], columns * size[2], channels), or with the channels second.

    Example:
        >>> UpSampling3D()(jnp.ones((1, 2, 3, 4, 1))).shape
        (1, 4, 6, 8, 1)
    """

    rank = 3
    arguments = {"size": sizes(3), "data_format": data_formats}

    def __init__(
        self,
        size: int | Sequence[int] = (2, 2, 2),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.size = per_axis(size, 3)

    def call(self, inputs: Any) -> Any:
        return _repeat(inputs, self.spatial_axes, self.size)


Widths = int | Sequence[int] | Sequence[Sequence[int]]


def _is_pair(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2


def _widths(rank: int) -> Check:
    """Check for a width of all sides, one for each axis, or one for each side."""

    def accepts(value: Any) -> bool:
        if is_int(value):
            return value >= 0
        if rank == 1:
            return _is_pair(value) and all(is_int(n) and n >= 0 for n in value)
        if not isinstance(value, (tuple, list)) or len(value) != rank:
            return False
        sides = [n for v in value for n in (v if _is_pair(v) else [v])]
        return all(is_int(n) and n >= 0 for n in sides)

    each = (
        "(before, after)" if rank == 1 else f"{rank} of them, or {rank} pairs of them"
    )
    return Check(
        f"a non-negative integer or {each}", accepts, (-1, (1,) * (rank + 2), "1")
    )


def _as_pairs(widths: Widths, rank: int) -> tuple[Any, ...]:
    """Return `(before, after)` of each axis; a single pair if `rank` is 1."""
    if isinstance(widths, int):
        widths = (widths,) * max(rank, 2)
    if rank == 1:
        return tuple(widths)
    return tuple((w, w) if isinstance(w, int) else tuple(w) for w in widths)


class ZeroPadding(Spatial):
    """Base class of zero padding of the spatial axes.

    Args:
        padding: one width for all sides, one for each axis, or a pair (before, after)
            for each axis.
        data_format: `"channels_last"` or `"channels_first"`.
    """

    def __init__(
        self, padding: Widths = 1, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.padding = _as_pairs(padding, self.rank)

    def call(self, inputs: Any) -> Any:
        widths = [(0, 0)] * inputs.ndim
        pairs = (self.padding,) if self.rank == 1 else self.padding
        for axis, pair in zip(self.spatial_axes, pairs, strict=True):
            widths[axis] = pair
        return jnp.pad(inputs, widths)


class ZeroPadding1D(ZeroPadding):
    """1D zero padding: steps of zeros before and after a sequence.

    Takes the arguments of `ZeroPadding`; `padding` is one width or a pair.

    Shape:
        (batch, steps, channels) to (batch, before + steps + after, channels), or with
        the channels second.

    Example:
        >>> ZeroPadding1D((2, 0))(jnp.ones((1, 3, 4))).shape
        (1, 5, 4)
    """

    rank = 1
    arguments = {"padding": _widths(1), "data_format": data_formats}


class ZeroPadding2D(ZeroPadding):
    """2D zero padding: rows and columns of zeros around an image.

    Takes the arguments of `ZeroPadding`.

    Shape:
        (batch, rows, columns, channels) to (batch, padded rows, padded columns,
        channels), or with the channels second.

    Example:
        >>> ZeroPadding2D(((1, 0), (2, 2)))(jnp.ones((1, 3, 3, 1))).shape
        (1, 4, 7, 1)
    """

    rank = 2
    arguments = {"padding": _widths(2), "data_format": data_formats}


class ZeroPadding3D(ZeroPadding):
    """3D zero padding: zeros around a volume.

    Takes the arguments of `ZeroPadding`.

    Shape:
        (batch, depth, rows, columns, channels) to (batch, padded depth, padded rows,
        padded columns, channels), or with the channels second.

    Example:
        >>> ZeroPadding3D((1, 0, 2))(jnp.ones((1, 3, 3, 3, 1))).shape
        (1, 5, 3, 7, 1)
    """

    rank = 3
    arguments = {"padding": _widths(3), "data_format": data_formats}


class Cropping(Spatial):
    """Base class of cropping of the spatial axes.

    Args:
        cropping: one width for all sides, one for each axis, or a pair (before, after)
            for each axis.
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ShapeError: the output would be empty.
    """

    def __init__(
        self, cropping: Widths = 1, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.cropping = _as_pairs(cropping, self.rank)

    def _pairs(self) -> tuple[tuple[int, int], ...]:
        return (self.cropping,) if self.rank == 1 else self.cropping

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Check that the output is not empty."""
        pairs = zip(self.spatial_sizes(input_shape), self._pairs(), strict=True)
        if any(size is not None and size <= sum(pair) for size, pair in pairs):
            raise ShapeError(
                f"Layer {self.name!r} ({type(self).__name__}): "
                f"cropping={self.cropping} of the input {tuple(input_shape)} "
                f"({self.data_format}) gives an empty output. Use a smaller `cropping`."
            )

    def call(self, inputs: Any) -> Any:
        for axis, (before, after) in zip(self.spatial_axes, self._pairs(), strict=True):
            end = inputs.shape[axis] - after
            inputs = jax.lax.slice_in_dim(inputs, before, end, axis=axis)
        return inputs


class Cropping1D(Cropping):
    """1D cropping: removes steps at the start and end of a sequence.

    Args:
        cropping: number of steps to remove at both ends, or a pair (before, after).

    Shape:
        (batch, steps, channels) to (batch, steps - before - after, channels).

    Example:
        >>> Cropping1D((1, 0))(jnp.array([[[1.0], [2.0], [3.0]]]))[0, :, 0]
        Array([2., 3.], dtype=float32)
    """

    rank = 1
    arguments = {"cropping": _widths(1)}

    def __init__(self, cropping: int | Sequence[int] = (1, 1), **kwargs: Any) -> None:
        super().__init__(cropping, "channels_last", **kwargs)


class Cropping2D(Cropping):
    """2D cropping: removes rows and columns at the edges of an image.

    Args:
        cropping: one width for all sides, one for rows and one for columns, or a pair
            (before, after) for each.
        data_format: `"channels_last"` or `"channels_first"`.

    Shape:
        (batch, rows, columns, channels) to (batch, cropped rows, cropped columns,
        channels), or with the channels second.

    Example:
        >>> Cropping2D(((1, 1), (0, 2)))(jnp.ones((1, 5, 5, 3))).shape
        (1, 3, 3, 3)
    """

    rank = 2
    arguments = {"cropping": _widths(2), "data_format": data_formats}

    def __init__(
        self, cropping: Widths = 0, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(cropping, data_format, **kwargs)


class Cropping3D(Cropping):
    """3D cropping: removes the edges of a volume.

    Takes the arguments of `Cropping`.

    Shape:
        (batch, depth, rows, columns, channels) to (batch, cropped depth, cropped rows,
        cropped columns, channels), or with the channels second.

    Example:
        >>> Cropping3D((1, 0, 2))(jnp.ones((1, 5, 5, 5, 1))).shape
        (1, 3, 5, 1, 1)
    """

    rank = 3
    arguments = {"cropping": _widths(3), "data_format": data_formats}
