"""`SpectralNormalization`: a wrapper that bounds the gain of a layer."""

from __future__ import annotations

from typing import Unpack

import jax.numpy as jnp
from jax import lax

from lamina import ops
from lamina.core.check import positive_int
from lamina.core.scope import autocast
from lamina.core.variable import Variable
from lamina.errors import ArgumentError
from lamina.initializers import TruncatedNormal
from lamina.layers.base import InputSpec, Layer, Options
from lamina.layers.core.wrapper import Wrapper
from lamina.typing import Array, PartialShape


class SpectralNormalization(Wrapper):
    """Wrapper that divides a layer's kernel by its largest singular value.

    In training, each call does some power iterations, which estimate the singular
    value of the kernel as a matrix of its last axis, and assigns the normalized kernel.
    This bounds the Lipschitz constant of the layer, as for discriminators of GANs.

    Args:
        layer: a layer with a weight `kernel` or `embeddings`.
        power_iterations: number of power iterations in a call.

    Shape:
        As the wrapped layer.

    Raises:
        ArgumentError: the layer has no such weight, or it is adapted by LoRA.

    Example:
        >>> from lamina.layers import Dense
        >>> layer = SpectralNormalization(Dense(4), power_iterations=50)
        >>> layer(jnp.ones((2, 3)), training=True).shape
        (2, 4)
        >>> norm = jnp.linalg.norm(layer.layer.kernel.value, 2)
        >>> round(float(norm), 2)
        1.0

    Reference: Miyato et al. 2018, https://arxiv.org/abs/1802.05957
    """

    arguments = {**Wrapper.arguments, "power_iterations": positive_int}
    kernel: Variable
    vector_u: Variable

    def __init__(
        self, layer: Layer, power_iterations: int = 1, **kwargs: Unpack[Options]
    ) -> None:
        super().__init__(layer, **kwargs)
        self.power_iterations = power_iterations
        self.input_spec = InputSpec(min_ndim=1)

    def build(self, input_shape: PartialShape) -> None:
        """Build the layer, and create the vector that the iterations improve."""
        super().build(input_shape)
        names = ("kernel", "embeddings")
        found = [getattr(self.layer, name, None) for name in names]
        weights = [w for w in found if isinstance(w, Variable)]
        if not weights:
            raise ArgumentError(
                f"SpectralNormalization: {type(self.layer).__name__} has no variable "
                "`kernel` or `embeddings`. Wrap a layer that has one, such as Dense, "
                "a convolution or Embedding, and does not use LoRA."
            )
        self.kernel = weights[0]
        self.vector_u = self.add_weight(
            (1, self.kernel.shape[-1]),
            TruncatedNormal(stddev=0.02),
            dtype=self.kernel.dtype,
            trainable=False,
            name="vector_u",
        )

    def call(self, inputs: Array, training: bool | None = None) -> Array:
        if training:
            with autocast(None):  # 16 bits would round the kernel at each step
                kernel, u = self.kernel.value, self.vector_u.value
            # A kernel of zeros has no direction to normalize.
            u, kernel = lax.cond(
                jnp.any(kernel != 0), self._normalize, lambda *same: same, u, kernel
            )
            self.vector_u.assign(u)
            self.kernel.assign(kernel)
        return self.layer(inputs)

    def normalized_weights(self) -> tuple[Array, Array]:
        """Return the vector after the power iterations, and the normalized kernel."""
        return self._normalize(self.vector_u.value, self.kernel.value)

    def _normalize(self, u: Array, kernel: Array) -> tuple[Array, Array]:
        matrix = kernel.reshape(-1, kernel.shape[-1])
        v = u
        for _ in range(self.power_iterations):
            v = ops.normalize(u @ matrix.T, axis=None)
            u = ops.normalize(v @ matrix, axis=None)
        u, v = lax.stop_gradient((u, v))
        sigma = v @ matrix @ u.T
        return u, (matrix / sigma).reshape(kernel.shape)
