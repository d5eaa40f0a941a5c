"""Masking of time steps."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from lamina.layers.base.layer import Layer
from lamina.typing import Array


class Masking(Layer):
    """Mask of the time steps whose values all equal `mask_value`.

    Masked steps are set to zero, and the layers that follow skip them.

    Args:
        mask_value: value that fills a masked step.

    Shape:
        (batch, time, features) to the same shape; the mask is (batch, time).

    Example:
        >>> Masking(-1.0)(jnp.array([[[3.0, -1.0], [-1.0, -1.0]]]))
        Array([[[ 3., -1.],
                [ 0.,  0.]]], dtype=float32)
    """

    supports_masking = True

    def __init__(self, mask_value: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self.built = True

    def compute_mask(self, inputs: Array, mask: Any = None) -> Any:
        """Return True for the steps with a value other than `mask_value`."""
        return (inputs != self.mask_value).any(-1)

    def call(self, inputs: Array) -> Any:
        mask = self.compute_mask(inputs)[..., None]
        return jnp.where(mask, inputs, jnp.zeros_like(inputs))
