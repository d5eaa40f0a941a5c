"""Zero padding and cropping of the spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import jax
import jax.numpy as jnp

from lamina.core.check import Check, is_int
from lamina.errors import ShapeError
from lamina.layers.base.options import Options
from lamina.layers.spatial import PerAxis, Spatial
from lamina.typing import Array, PartialShape

Widths = int | Sequence[int] | Sequence[Sequence[int]]


def _is_pair(value: object) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2


class _Widths(PerAxis):
    """Attribute with the widths before and after each spatial axis.

    As in Keras, its value is a single pair if there is one spatial axis.
    """

    def __set__(self, instance: Any, value: Widths) -> None:
        widths = (value,) * max(instance.rank, 2) if isinstance(value, int) else value
        if instance.rank > 1:
            widths = [w if isinstance(w, Sequence) else (w, w) for w in widths]
            widths = [tuple(w) for w in widths]
        vars(instance)[self.name] = tuple(widths)

    def check(self, rank: int) -> Check:
        def accepts(value: object) -> bool:
            if is_int(value):
                return value >= 0
            if not isinstance(value, (tuple, list)) or len(value) != max(rank, 2):
                return False
            pairs = [v if _is_pair(v) and rank > 1 else [v] for v in value]
            return all(is_int(n) and n >= 0 for pair in pairs for n in pair)

        several = f"{rank} of them, or {rank} pairs of them"
        each = several if rank > 1 else "(before, after)"
        bad = (-1, (1,) * (rank + 2), "1")
        return Check(f"a non-negative integer or {each}", accepts, bad)


def _pairs(widths: Sequence[Any], rank: int) -> Sequence[tuple[int, int]]:
    return [(widths[0], widths[1])] if rank == 1 else widths


class ZeroPadding(Spatial):
    """Base class of zero padding of the spatial axes.

    Args:
        padding: one width for all sides, one for each axis, or a pair (before, after)
            for each axis.
        data_format: `"channels_last"` or `"channels_first"`.
    """

    padding: _Widths = _Widths()

    def __init__(
        self,
        padding: Widths = 1,
        data_format: str | None = None,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.padding = padding

    def call(self, inputs: Array) -> Array:
        widths = [(0, 0)] * inputs.ndim
        pairs = _pairs(self.padding, self.rank)
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


class Cropping(Spatial):
    """Base class of cropping of the spatial axes.

    Args:
        cropping: one width for all sides, one for each axis, or a pair (before, after)
            for each axis.
        data_format: `"channels_last"` or `"channels_first"`.

    Raises:
        ShapeError: the output would be empty.
    """

    cropping: _Widths = _Widths()

    def __init__(
        self,
        cropping: Widths = 1,
        data_format: str | None = None,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.cropping = cropping

    def build(self, input_shape: PartialShape) -> None:
        """Check that the output is not empty."""
        pairs = _pairs(self.cropping, self.rank)
        pairs = zip(self.spatial_sizes(input_shape), pairs, strict=True)
        if any(size is not None and size <= sum(pair) for size, pair in pairs):
            raise ShapeError(
                f"Layer {self.name!r} ({type(self).__name__}): "
                f"cropping={self.cropping} of the input {tuple(input_shape)} "
                f"({self.data_format}) gives an empty output. Use a smaller `cropping`."
            )

    def call(self, inputs: Array) -> Array:
        pairs = _pairs(self.cropping, self.rank)
        for axis, (before, after) in zip(self.spatial_axes, pairs, strict=True):
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

    def __init__(
        self, cropping: int | Sequence[int] = (1, 1), **kwargs: Unpack[Options]
    ) -> None:
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

    def __init__(
        self,
        cropping: Widths = 0,
        data_format: str | None = None,
        **kwargs: Unpack[Options],
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
