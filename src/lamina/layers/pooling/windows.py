"""Max and average pooling, over windows or over all spatial axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import jax.numpy as jnp

from lamina import ops
from lamina.core.check import boolean, one_of
from lamina.layers.base.attributes import Converted
from lamina.layers.spatial import PerAxis, Spatial
from lamina.typing import Array


class Pooling(Spatial):
    """Base class of pooling over windows.

    Args:
        pool_size: size of the window along each spatial axis.
        strides: distance between windows; `pool_size` by default.
        padding: `"valid"` for windows inside the input only, `"same"` for windows
            that may extend over its edge; padding is not counted.
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ShapeError: the input has the wrong rank or is smaller than the window.
    """

    pool: ClassVar[Callable[..., Array]]
    pool_size: PerAxis = PerAxis()
    strides: PerAxis = PerAxis(like="pool_size")
    padding: Converted[str] = Converted(str.lower)
    arguments = {**Spatial.arguments, "padding": one_of("valid", "same")}

    def __init__(
        self,
        pool_size: int | Sequence[int],
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, name=name, **kwargs)
        self.pool_size, self.strides, self.padding = pool_size, strides, padding

    def call(self, inputs: Array) -> Array:
        if self.padding == "valid":
            self.check_window(inputs.shape, self.pool_size, "pool")
        return type(self).pool(
            inputs,
            pool_size=self.pool_size,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
        )


class MaxPooling(Pooling):
    """Base class of max pooling, whose `pool_size` is 2 by default."""

    pool = staticmethod(ops.max_pool)

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling(Pooling):
    """Base class of average pooling."""

    pool = staticmethod(ops.average_pool)


class MaxPooling1D(MaxPooling):
    """1D max pooling: the maximum of each window.

    Takes the arguments of `Pooling`.

    Shape:
        (batch, steps, channels) to (batch, new steps, channels), or with the channels
        second.

    Example:
        >>> MaxPooling1D(2)(jnp.array([[[1.0], [3.0], [2.0], [0.0]]]))[0, :, 0]
        Array([3., 2.], dtype=float32)
    """

    rank = 1


class MaxPooling2D(MaxPooling):
    """2D max pooling: the maximum of each window.

    Takes the arguments of `Pooling`.

    Shape:
        (batch, rows, columns, channels) to (batch, new rows, new columns, channels),
        or with the channels second.

    Example:
        >>> MaxPooling2D()(jnp.ones((2, 28, 28, 8))).shape
        (2, 14, 14, 8)
    """

    rank = 2


class MaxPooling3D(MaxPooling):
    """3D max pooling: the maximum of each window.

    Takes the arguments of `Pooling`.

    Shape:
        (batch, depth, rows, columns, channels) to (batch, new depth, new rows, new
        columns, channels), or with the channels second.

    Example:
        >>> MaxPooling3D()(jnp.ones((2, 4, 6, 8, 3))).shape
        (2, 2, 3, 4, 3)
    """

    rank = 3


class AveragePooling1D(AveragePooling):
    """1D average pooling: the mean of each window.

    Takes the arguments of `Pooling`.

    Shape:
        (batch, steps, channels) to (batch, new steps, channels), or with the channels
        second.

    Example:
        >>> AveragePooling1D(2)(jnp.array([[[1.0], [3.0], [2.0], [0.0]]]))[0, :, 0]
        Array([2., 1.], dtype=float32)
    """

    rank = 1


class AveragePooling2D(AveragePooling):
    """2D average pooling: the mean of each window.

    Takes the arguments of `Pooling`.

    Shape:
        (batch, rows, columns, channels) to (batch, new rows, new columns, channels),
        or with the channels second.

    Example:
        >>> AveragePooling2D((2, 4))(jnp.ones((2, 28, 28, 8))).shape
        (2, 14, 7, 8)
    """

    rank = 2


class AveragePooling3D(AveragePooling):
    """3D average pooling: the mean of each window.

    Takes the arguments of `Pooling`.

    Shape:
        (batch, depth, rows, columns, channels) to (batch, new depth, new rows, new
        columns, channels), or with the channels second.

    Example:
        >>> AveragePooling3D(2)(jnp.ones((2, 4, 6, 8, 3))).shape
        (2, 2, 3, 4, 3)
    """

    rank = 3


class GlobalPooling(Spatial):
    """Base class of pooling over all spatial axes.

    Args:
        data_format: `"channels_last"` or `"channels_first"`.
        keepdims: whether to keep the spatial axes, with size 1.
    """

    arguments = {**Spatial.arguments, "keepdims": boolean}
    reduce: ClassVar[Callable[..., Array]]

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.keepdims = keepdims

    def call(self, inputs: Array) -> Array:
        return type(self).reduce(inputs, self.spatial_axes, keepdims=self.keepdims)


class GlobalMaxPooling1D(GlobalPooling):
    """1D global max pooling: the maximum over all steps.

    Takes the arguments of `GlobalPooling`.

    Shape:
        (batch, steps, channels), or with the channels second, to (batch, channels).

    Example:
        >>> GlobalMaxPooling1D()(jnp.ones((2, 10, 3))).shape
        (2, 3)
    """

    rank = 1
    reduce = staticmethod(jnp.max)


class GlobalMaxPooling2D(GlobalPooling):
    """2D global max pooling: the maximum over rows and columns.

    Takes the arguments of `GlobalPooling`.

    Shape:
        (batch, rows, columns, channels), or with the channels second, to (batch,
        channels).

    Example:
        >>> GlobalMaxPooling2D(keepdims=True)(jnp.ones((2, 7, 7, 3))).shape
        (2, 1, 1, 3)
    """

    rank = 2
    reduce = staticmethod(jnp.max)


class GlobalMaxPooling3D(GlobalPooling):
    """3D global max pooling: the maximum over a volume.

    Takes the arguments of `GlobalPooling`.

    Shape:
        (batch, depth, rows, columns, channels), or with the channels second, to
        (batch, channels).

    Example:
        >>> GlobalMaxPooling3D()(jnp.ones((2, 4, 5, 6, 3))).shape
        (2, 3)
    """

    rank = 3
    reduce = staticmethod(jnp.max)


class GlobalAveragePooling1D(GlobalPooling):
    """1D global average pooling: the mean over all unmasked steps.

    Takes the arguments of `GlobalPooling`. A row whose steps are all masked gives
    zeros.

    Shape:
        (batch, steps, channels), or with the channels second, to (batch, channels).

    Example:
        >>> mask = jnp.array([[True, True, False]])
        >>> GlobalAveragePooling1D()(jnp.array([[[1.0], [3.0], [9.0]]]), mask=mask)
        Array([[2.]], dtype=float32)
    """

    rank = 1
    supports_masking = True
    reduce = staticmethod(jnp.mean)

    def call(self, inputs: Array, mask: Array | None = None) -> Array:
        if mask is None:
            return super().call(inputs)
        mask = jnp.expand_dims(mask.astype(bool), self.channel_axis)
        total = jnp.sum(
            jnp.where(mask, inputs, 0), self.spatial_axes, keepdims=self.keepdims
        )
        count = jnp.sum(mask, self.spatial_axes, inputs.dtype, keepdims=self.keepdims)
        return total / jnp.maximum(count, 1)

    def compute_mask(self, inputs: Array, mask: Array | None = None) -> None:
        """Return None: the output has no time axis."""


class GlobalAveragePooling2D(GlobalPooling):
    """2D global average pooling: the mean over rows and columns.

    Takes the arguments of `GlobalPooling`.

    Shape:
        (batch, rows, columns, channels), or with the channels second, to (batch,
        channels).

    Example:
        >>> GlobalAveragePooling2D()(jnp.ones((2, 7, 7, 3))).shape
        (2, 3)
    """

    rank = 2
    reduce = staticmethod(jnp.mean)


class GlobalAveragePooling3D(GlobalPooling):
    """3D global average pooling: the mean over a volume.

    Takes the arguments of `GlobalPooling`.

    Shape:
        (batch, depth, rows, columns, channels), or with the channels second, to
        (batch, channels).

    Example:
        >>> GlobalAveragePooling3D()(jnp.ones((2, 4, 5, 6, 3))).shape
        (2, 3)
    """

    rank = 3
    reduce = staticmethod(jnp.mean)
