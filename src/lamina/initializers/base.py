"""Base class of initializers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.dtypes import standardize_dtype
from lamina.core.module import Module
from lamina.errors import MissingMethodError
from lamina.typing import ArrayLike, DTypeLike


def to_array(values: ArrayLike, dtype: DTypeLike) -> jax.Array:
    """Convert to a JAX array of a dtype; `None` for `config.floatx()`.

    The array may share the memory of the values.
    """
    # NumPy converts, because `jnp.asarray` would compile a program for every shape.
    dtype = jnp.dtype(standardize_dtype(dtype))
    return jax.device_put(np.asarray(values, dtype))


class Initializer(Module):
    """Base class of initializers: override `__call__`.

    The constructor's arguments become the config.

    Example:
        >>> class Halves(Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return jax.numpy.full(shape, 0.5, dtype)
        >>> Halves()((2,)).tolist()
        [0.5, 0.5]
    """

    def __call__(self, shape: Sequence[int], dtype: DTypeLike = None) -> jax.Array:
        """Return values of a shape and dtype; `None` for `config.floatx()`."""
        raise MissingMethodError(
            f"{type(self).__name__} must define `__call__(self, shape, dtype=None)`."
        )

    def clone(self) -> Self:
        """Return a new initializer with the same arguments."""
        return type(self).from_config(self.get_config())
