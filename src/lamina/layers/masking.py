"""Layers that decide which steps count."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from lamina.layers.base.layer import Layer

__all__ = ["Masking"]


class Masking(Layer):
    """Masks the steps whose values all equal `mask_value`, and sets them to zero.

    Recurrent layers behind it skip those steps.

    Args:
        mask_value: what fills a step that does not count.

    Shape:
        (batch, time, features) to the same; the mask is (batch, time).

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

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Which steps hold anything but `mask_value`."""
        return (inputs != self.mask_value).any(-1)

    def call(self, inputs: Any) -> Any:
        keep = self.compute_mask(inputs)[..., None]
        return jnp.where(keep, inputs, jnp.zeros_like(inputs))
