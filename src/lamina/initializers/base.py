"""What initializers have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.dtypes import standardize_dtype
from lamina.core.module import Module

__all__ = ["Initializer", "to_array"]


def to_array(values: Any, dtype: Any) -> jax.Array:
    """A JAX array of an element type; `None` for `config.floatx()`."""
    # NumPy fills, converts and copies: `jnp.asarray` would compile a program for
    # every new shape.
    dtype = jnp.dtype(standardize_dtype(dtype))
    return jax.device_put(np.asarray(values).astype(dtype))


class Initializer(Module):
    """Base class: override `__call__`; constructor arguments become the config.

    Example:
        >>> class Halves(Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return jax.numpy.full(shape, 0.5, dtype)
        >>> Halves()((2,)).tolist()
        [0.5, 0.5]
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Values of a shape and element type; `None` for `config.floatx()`."""
        raise NotImplementedError(f"{type(self).__name__} does not define `__call__`.")

    def clone(self) -> Any:
        """A new initializer with the same arguments."""
        return type(self).from_config(self.get_config())
