"""Reshaping and upsampling layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Unpack

import jax.numpy as jnp

from lamina.core.check import Check, is_int, one_of, positive_int
from lamina.core.scope import local
from lamina.errors import ShapeError
from lamina.layers.base.attributes import Converted
from lamina.layers.base.layer import Layer
from lamina.layers.base.options import Options
from lamina.layers.base.spec import InputSpec
from lamina.layers.spatial import DataFormat, PerAxis, Spatial, data_formats
from lamina.ops.image import resize
from lamina.typing import Array, PartialShape


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

    data_format: DataFormat = DataFormat()
    arguments = {"data_format": data_formats}

    def __init__(
        self, data_format: str | None = None, **kwargs: Unpack[Options]
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = data_format
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Array) -> Array:
        if self.data_format == "channels_first" and inputs.ndim > 1:
            inputs = jnp.moveaxis(inputs, 1, -1)
        return inputs.reshape(inputs.shape[0], math.prod(inputs.shape[1:]))


_target_shape = Check(
    "a tuple of sizes, one of which may be -1 or None",
    lambda v: (
        isinstance(v, (tuple, list))
        and all(n is None or (is_int(n) and n >= -1) for n in v)
        and sum(n in (-1, None) for n in v) <= 1
    ),
    (3, (-1, -1), (-1, None), (-2,), ("3",)),
)


class Reshape(Layer):
    """Reshaping of each row.

    Args:
        target_shape: the new shape without the batch axis; one size may be -1 or
            `None`, which is inferred from the others.

    Shape:
        (batch, ...) to (batch, *target_shape).

    Raises:
        ShapeError: the number of elements does not match.

    Example:
        >>> Reshape((3, -1))(jnp.ones((2, 12))).shape
        (2, 3, 4)
    """

    arguments = {"target_shape": _target_shape}

    def __init__(
        self, target_shape: Sequence[int | None], **kwargs: Unpack[Options]
    ) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(-1 if n is None else n for n in target_shape)

    def build(self, input_shape: PartialShape) -> None:
        """Check that the number of elements matches."""
        row_shape, target = input_shape[1:], self.target_shape
        if None in row_shape:
            return
        known = math.prod(n for n in target if n != -1)
        total = math.prod(n for n in row_shape if n is not None)
        is_multiple = total % known == 0 if known else total == 0
        if not (is_multiple if -1 in target else total == known):
            raise ShapeError(
                f"Layer {self.name!r} (Reshape) cannot reshape rows of shape "
                f"{tuple(row_shape)} to {target}: they have {total} elements, not "
                f"{'a multiple of ' if -1 in target else ''}{known}."
            )

    def call(self, inputs: Array) -> Array:
        batch, *sizes = inputs.shape
        known = math.prod(n for n in self.target_shape if n != -1)
        # `reshape` cannot infer -1 for an empty batch.
        inferred = math.prod(sizes) // max(known, 1)
        shape = batch, *(inferred if n == -1 else n for n in self.target_shape)
        if local.infers_shapes and math.prod(shape) != inputs.size:
            # Unknown sizes are probed with numbers that `target_shape` may not fit.
            return jnp.zeros(shape, inputs.dtype)
        return inputs.reshape(shape)


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

    def __init__(self, dims: Sequence[int], **kwargs: Unpack[Options]) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Array) -> Array:
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

    def __init__(self, n: int, **kwargs: Unpack[Options]) -> None:
        super().__init__(**kwargs)
        self.n = n
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Array) -> Array:
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

    def __init__(self, size: int = 2, **kwargs: Unpack[Options]) -> None:
        super().__init__(**kwargs)
        self.size = size
        self.input_spec = InputSpec(ndim=3)

    def call(self, inputs: Array) -> Array:
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
    size: PerAxis = PerAxis()
    interpolation: Converted[str] = Converted(str.lower)
    arguments = {
        **Spatial.arguments,
        "interpolation": one_of(
            "nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"
        ),
    }

    def __init__(
        self,
        size: int | Sequence[int] = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.size, self.interpolation = size, interpolation

    def call(self, inputs: Array) -> Array:
        if self.interpolation == "nearest":
            return _repeat(inputs, self.spatial_axes, self.size)
        axes = zip(self.spatial_axes, self.size, strict=True)
        size = [inputs.shape[axis] * factor for axis, factor in axes]
        return resize(inputs, size, self.interpolation, data_format=self.data_format)


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
    size: PerAxis = PerAxis()

    def __init__(
        self,
        size: int | Sequence[int] = (2, 2, 2),
        data_format: str | None = None,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.size = size

    def call(self, inputs: Array) -> Array:
        return _repeat(inputs, self.spatial_axes, self.size)
