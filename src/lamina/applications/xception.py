"""Xception: residual blocks of separable convolutions.

Xception: Deep Learning with Depthwise Separable Convolutions,
https://arxiv.org/abs/1610.02357
"""

from __future__ import annotations

from lamina import layers
from lamina.applications import nn
from lamina.applications.build import Tensor, family, standard
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_tf as preprocess_input

__all__ = ["Xception", "decode_predictions", "preprocess_input"]


def _unit(filters: int, name: str) -> tuple[nn.Step, nn.Step]:
    return nn.separable(filters, name=name), nn.norm(f"{name}_bn")


def _reduction(x: Tensor, first: int, second: int, name: str, is_first: bool) -> Tensor:
    """Apply two convolutions and halve the size."""
    residual = nn.chain(x, nn.conv(second, strides=2), nn.norm())
    x = x if is_first else nn.relu(f"{name}_sepconv1_act")(x)
    x = nn.chain(
        x,
        *_unit(first, f"{name}_sepconv1"),
        nn.relu(f"{name}_sepconv2_act"),
        *_unit(second, f"{name}_sepconv2"),
        layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool"),
    )
    return layers.Add()([x, residual])


def _body(x: Tensor) -> Tensor:
    for count, strides, name in ((32, 2, "block1_conv1"), (64, 1, "block1_conv2")):
        layer = nn.conv(count, 3, strides, "valid", name=name)
        x = nn.chain(x, layer, nn.norm(f"{name}_bn"), nn.relu(f"{name}_act"))
    for i, count in enumerate((128, 256, 728), 2):
        x = _reduction(x, count, count, f"block{i}", is_first=i == 2)
    for i in range(5, 13):
        residual = x
        for name in (f"block{i}_sepconv{j}" for j in range(1, 4)):
            x = nn.chain(x, nn.relu(f"{name}_act"), *_unit(728, name))
        x = layers.Add()([x, residual])
    x = _reduction(x, 728, 1024, "block13", is_first=False)
    for count, name in ((1536, "block14_sepconv1"), (2048, "block14_sepconv2")):
        x = nn.chain(x, *_unit(count, name), nn.relu(f"{name}_act"))
    return x


Xception = family(standard, __name__, "Xception")(
    body=_body,
    size=299,
    min_size=71,
)
