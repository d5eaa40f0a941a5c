"""Adaptive pooling layers, whose output size is fixed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Unpack

from lamina import ops
from lamina.layers.base.options import Options
from lamina.layers.spatial import PerAxis, Spatial
from lamina.typing import Array


class AdaptivePooling(Spatial):
    """Base class of pooling to a fixed output size.

    Of `n` windows over an axis of size `length`, window i spans the elements from
    `floor(i * length / n)` to `ceil((i + 1) * length / n)`, exclusive.

    Args:
        output_size: size of the output along each spatial axis.
        data_format: `"channels_last"` or `"channels_first"`.
    """

    pool: ClassVar[Callable[..., Array]]
    output_size: PerAxis = PerAxis()

    def __init__(
        self,
        output_size: int | Sequence[int],
        data_format: str | None = None,
        **kwargs: Unpack[Options],
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.output_size = output_size

    def call(self, inputs: Array) -> Array:
        return type(self).pool(inputs, self.output_size, self.data_format)


class AdaptiveAveragePooling1D(AdaptivePooling):
    """1D average pooling to a fixed output size.

    Takes the arguments of `AdaptivePooling`.

    Shape:
        (batch, steps, channels) to (batch, output_size, channels), or with the
        channels second.

    Example:
        >>> import numpy as np
        >>> AdaptiveAveragePooling1D(3)(np.ones((2, 9, 4))).shape
        (2, 3, 4)
    """

    rank = 1
    pool = staticmethod(ops.adaptive_average_pool)


class AdaptiveAveragePooling2D(AdaptivePooling):
    """2D average pooling to a fixed output size.

    Takes the arguments of `AdaptivePooling`.

    Shape:
        (batch, rows, columns, channels) to (batch, *output_size, channels), or with
        the channels second.

    Example:
        >>> import numpy as np
        >>> AdaptiveAveragePooling2D(3)(np.ones((2, 7, 6, 4))).shape
        (2, 3, 3, 4)
    """

    rank = 2
    pool = staticmethod(ops.adaptive_average_pool)


class AdaptiveAveragePooling3D(AdaptivePooling):
    """3D average pooling to a fixed output size.

    Takes the arguments of `AdaptivePooling`.

    Shape:
        (batch, depth, rows, columns, channels) to (batch, *output_size, channels), or
        with the channels second.

    Example:
        >>> import numpy as np
        >>> AdaptiveAveragePooling3D(3)(np.ones((2, 7, 6, 5, 4))).shape
        (2, 3, 3, 3, 4)
    """

    rank = 3
    pool = staticmethod(ops.adaptive_average_pool)


class AdaptiveMaxPooling1D(AdaptivePooling):
    """1D max pooling to a fixed output size.

    Takes the arguments of `AdaptivePooling`.

    Shape:
        (batch, steps, channels) to (batch, output_size, channels), or with the
        channels second.

    Example:
        >>> import numpy as np
        >>> AdaptiveMaxPooling1D(3)(np.ones((2, 9, 4))).shape
        (2, 3, 4)
    """

    rank = 1
    pool = staticmethod(ops.adaptive_max_pool)


class AdaptiveMaxPooling2D(AdaptivePooling):
    """2D max pooling to a fixed output size.

    Takes the arguments of `AdaptivePooling`.

    Shape:
        (batch, rows, columns, channels) to (batch, *output_size, channels), or with
        the channels second.

    Example:
        >>> import numpy as np
        >>> AdaptiveMaxPooling2D(3)(np.ones((2, 7, 6, 4))).shape
        (2, 3, 3, 4)
    """

    rank = 2
    pool = staticmethod(ops.adaptive_max_pool)


class AdaptiveMaxPooling3D(AdaptivePooling):
    """3D max pooling to a fixed output size.

    Takes the arguments of `AdaptivePooling`.

    Shape:
        (batch, depth, rows, columns, channels) to (batch, *output_size, channels), or
        with the channels second.

    Example:
        >>> import numpy as np
        >>> AdaptiveMaxPooling3D(3)(np.ones((2, 7, 6, 5, 4))).shape
        (2, 3, 3, 3, 4)
    """

    rank = 3
    pool = staticmethod(ops.adaptive_max_pool)
