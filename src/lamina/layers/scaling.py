"""Layers that Keras has only inside its applications, for the files that name them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from lamina.core.registry import Registry
from lamina.initializers import Constant
from lamina.layers.base.layer import Layer
from lamina.layers.base.options import Options
from lamina.typing import Array, PartialShape


class LayerScale(Layer):
    """Multiplication of each channel by a weight.

    Args:
        init_values: initial value of the weights.
        projection_dim: number of channels.

    Shape:
        (..., channels) to the same shape.

    Reference: Touvron et al. 2021, https://arxiv.org/abs/2103.17239
    """

    def __init__(
        self, init_values: float, projection_dim: int, **kwargs: Unpack[Options]
    ) -> None:
        super().__init__(**kwargs)
        self.init_values, self.projection_dim = init_values, projection_dim

    def build(self, input_shape: PartialShape) -> None:
        """Create the weights."""
        self.gamma = self.add_weight((self.projection_dim,), Constant(self.init_values))

    def call(self, inputs: Array) -> Array:
        return inputs * self.gamma.value


class CustomScaleLayer(Layer):
    """Sum of two tensors, of which the second is multiplied by a number.

    Args:
        scale: the number.

    Shape:
        A list of two tensors of equal shape to one of that shape.
    """

    def __init__(self, scale: float, **kwargs: Unpack[Options]) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: Sequence[Array]) -> Array:
        return inputs[0] + inputs[1] * self.scale


Registry("layer", "keras.src.applications.convnext").add(LayerScale)
Registry("layer", "keras.src.applications.inception_resnet_v2").add(CustomScaleLayer)
