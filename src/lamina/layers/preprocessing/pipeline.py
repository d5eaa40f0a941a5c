"""`Pipeline`: layers that are called one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.core.check import Check
from lamina.layers.base import Layer
from lamina.layers.base.shapes import call_names


def _are_layers(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(v, Layer) for v in value)


class Pipeline(Layer):
    """Layers that are called one after the other, as for augmentation.

    Unlike `Sequential`, it takes any input that its first layer takes, such as a
    dictionary of images and bounding boxes, and it is called with `training=True` by
    default.

    Args:
        layers: the layers, in order.
        name: a unique name.

    Shape:
        As the layers define it.

    Example:
        >>> augment = Pipeline([RandomFlip(seed=1), RandomContrast(0.2, seed=1)])
        >>> augment(np.zeros((2, 8, 8, 3))).shape
        (2, 8, 8, 3)
    """

    arguments = {"layers": Check("a list of layers", _are_layers, (3, ["dense"], None))}

    def __init__(self, layers: Sequence[Layer], name: str | None = None) -> None:
        super().__init__(name=name)
        # Each layer casts its own inputs.
        self.autocast = False
        self.layers = list(layers)

    def call(self, inputs: Any, training: bool = True, mask: Any = None) -> Any:
        for layer in self.layers:
            options = {"training": training, "mask": mask}
            names = {n for n in call_names(type(layer)) if options.get(n) is not None}
            inputs = layer(inputs, **{name: options[name] for name in names})
            mask = None  # the next layer finds the mask of its input itself
        return inputs
