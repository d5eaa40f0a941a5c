"""Ops of neural networks, named as in `keras.ops.nn`."""

from __future__ import annotations

from lamina.ops.nn import (
    activations,
    attention,
    convolution,
    crossentropy,
    ctc,
    encoding,
    images,
    normalization,
    pooling,
)
from lamina.ops.nn.activations import *  # noqa: F403
from lamina.ops.nn.attention import *  # noqa: F403
from lamina.ops.nn.convolution import *  # noqa: F403
from lamina.ops.nn.crossentropy import *  # noqa: F403
from lamina.ops.nn.ctc import *  # noqa: F403
from lamina.ops.nn.encoding import *  # noqa: F403
from lamina.ops.nn.images import *  # noqa: F403
from lamina.ops.nn.normalization import *  # noqa: F403
from lamina.ops.nn.pooling import *  # noqa: F403

__all__: list[str] = []
__all__ += activations.__all__
__all__ += attention.__all__
__all__ += convolution.__all__
__all__ += crossentropy.__all__
__all__ += ctc.__all__
__all__ += encoding.__all__
__all__ += images.__all__
__all__ += normalization.__all__
__all__ += pooling.__all__


def __dir__() -> list[str]:
    return __all__
