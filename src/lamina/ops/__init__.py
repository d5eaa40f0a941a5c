"""Functions on arrays, variables and symbolic tensors, named as in `keras.ops`.

An op is a function of JAX arrays under `@op`, which lets it take variables and symbolic
tensors. To add an op: write the function, or a line of the file's table if only the JAX
function is new; add its name to the file's `__all__`, and add a case to the tests.
Types are promoted as in `jax.numpy`. A faster implementation for one platform goes into
`kernels`.
"""

from __future__ import annotations

from lamina.ops import control, images, linalg, operators, signal
from lamina.ops.control import *  # noqa: F403
from lamina.ops.images import *  # noqa: F403
from lamina.ops.linalg import *  # noqa: F403
from lamina.ops.nn import activations as nn
from lamina.ops.nn import attention, convolution, pooling
from lamina.ops.nn.activations import *  # noqa: F403
from lamina.ops.nn.attention import *  # noqa: F403
from lamina.ops.nn.convolution import *  # noqa: F403
from lamina.ops.nn.pooling import *  # noqa: F403
from lamina.ops.numpy import create, elementwise, index, reduce, shapes
from lamina.ops.numpy.create import *  # noqa: F403
from lamina.ops.numpy.elementwise import *  # noqa: F403
from lamina.ops.numpy.index import *  # noqa: F403
from lamina.ops.numpy.reduce import *  # noqa: F403
from lamina.ops.numpy.shapes import *  # noqa: F403
from lamina.ops.signal import *  # noqa: F403

__all__ = ["linalg", "nn"]
__all__ += attention.__all__
__all__ += control.__all__
__all__ += convolution.__all__
__all__ += create.__all__
__all__ += elementwise.__all__
__all__ += images.__all__
__all__ += index.__all__
__all__ += linalg.__all__
__all__ += nn.__all__
__all__ += pooling.__all__
__all__ += reduce.__all__
__all__ += shapes.__all__
__all__ += signal.__all__
__all__.sort()  # pyright: ignore[reportUnsupportedDunderAll]


def __dir__() -> list[str]:
    return __all__


operators.attach()
