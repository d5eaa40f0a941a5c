"""The hard sigmoid of Keras 1 and 2, which differs from that of Keras 3."""

from __future__ import annotations

import jax.numpy as jnp

from lamina.core.custom_objects import register_serializable
from lamina.typing import Array


@register_serializable("lamina", "hard_sigmoid_of_keras_2")
def hard_sigmoid(x: Array) -> Array:
    """Apply the hard sigmoid of Keras 1 and 2: clip(0.2 * x + 0.5, 0, 1)."""
    return jnp.clip(0.2 * x + 0.5, 0.0, 1.0)
