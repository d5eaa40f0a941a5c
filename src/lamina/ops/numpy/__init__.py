"""Ops of the NumPy interface, named as in `keras.ops.numpy`."""

from __future__ import annotations

from lamina.ops.numpy import (
    create,
    elementwise,
    index,
    joining,
    logic,
    products,
    reduce,
    shapes,
)
from lamina.ops.numpy.create import *  # noqa: F403
from lamina.ops.numpy.elementwise import *  # noqa: F403
from lamina.ops.numpy.index import *  # noqa: F403
from lamina.ops.numpy.joining import *  # noqa: F403
from lamina.ops.numpy.logic import *  # noqa: F403
from lamina.ops.numpy.products import *  # noqa: F403
from lamina.ops.numpy.reduce import *  # noqa: F403
from lamina.ops.numpy.shapes import *  # noqa: F403

__all__: list[str] = []
__all__ += create.__all__
__all__ += elementwise.__all__
__all__ += index.__all__
__all__ += joining.__all__
__all__ += logic.__all__
__all__ += products.__all__
__all__ += reduce.__all__
__all__ += shapes.__all__


def __dir__() -> list[str]:
    return __all__
