"""Functions of `tensorflow.experimental`."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp


class _Numpy:
    """Names of `tensorflow.experimental.numpy`, those of `jax.numpy`."""

    @staticmethod
    def experimental_enable_numpy_behavior(**_: object) -> None:
        """Do nothing: arrays have NumPy's methods."""

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)


numpy = _Numpy()
