"""Base class of layers that wrap another layer."""

from __future__ import annotations

from typing import ClassVar, Unpack

from lamina.core.check import Check
from lamina.layers.base import Layer, Options
from lamina.typing import PartialShape

layer_check = Check("a layer", lambda v: isinstance(v, Layer), (3, "lstm", None))


class Wrapper(Layer):
    """Base class of layers that wrap another layer, `self.layer`; override `call`.

    Args:
        layer: the wrapped layer. It is built for the wrapper's input.

    Shape:
        As `call` defines it.

    Example:
        >>> from lamina.layers import Dense
        >>> class Residual(Wrapper):
        ...     def call(self, inputs):
        ...         return inputs + self.layer(inputs)
        >>> Residual(Dense(3))(np.ones((2, 3))).shape
        (2, 3)
    """

    arguments: ClassVar[dict[str, Check]] = {"layer": layer_check}

    def __init__(self, layer: Layer, **kwargs: Unpack[Options]) -> None:
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: PartialShape) -> None:
        """Build the wrapped layer."""
        if not self.layer.built:
            self.layer.build(input_shape)
