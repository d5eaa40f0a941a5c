"""Zero padding and cropping of the spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lamina.core.check import Check, is_int
from lamina.errors import ShapeError
from lamina.layers.spatial import Spatial, data_formats
from lamina.typing import Array

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

    def call(self, inputs: Array) -> Any:
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

    def call(self, inputs: Array) -> Any:
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
