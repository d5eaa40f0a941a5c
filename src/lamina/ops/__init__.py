"""Functions on arrays, variables and symbolic tensors, named as in `keras.ops`.

An op is a function of JAX arrays under `@op`, which lets it take variables and symbolic
tensors. To add an op: write the function, or a member of a family of `families` if it
only calls a JAX function; add its name to the file's `__all__`, and add a case to the
tests. Types are promoted as in `jax.numpy`. A faster implementation for one platform
goes into `kernels`.
"""

from __future__ import annotations

from lamina.ops import (
    control,
    core,
    einops,
    image,
    linalg,
    math,
    nn,
    numpy,
    operators,
    signal,
)
from lamina.ops.control import *  # noqa: F403
from lamina.ops.core import *  # noqa: F403
from lamina.ops.einops import *  # noqa: F403
from lamina.ops.linalg import *  # noqa: F403
from lamina.ops.math import *  # noqa: F403
from lamina.ops.nn import *  # noqa: F403
from lamina.ops.numpy import *  # noqa: F403
from lamina.ops.signal import *  # noqa: F403

__all__ = ["image", "linalg", "nn", "numpy"]
__all__ += control.__all__
__all__ += core.__all__
__all__ += einops.__all__
__all__ += linalg.__all__
__all__ += math.__all__
__all__ += nn.__all__
__all__ += numpy.__all__
__all__ += signal.__all__


def __dir__() -> list[str]:
    return __all__


operators.attach()
