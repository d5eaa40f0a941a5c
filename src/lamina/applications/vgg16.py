"""VGG16: blocks of 3x3 convolutions.

Very Deep Convolutional Networks for Large-Scale Image Recognition,
https://arxiv.org/abs/1409.1556
"""

from __future__ import annotations

from functools import partial

from lamina import layers
from lamina.applications import nn
from lamina.applications.build import Tensor, family, standard
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_caffe as preprocess_input
from lamina.typing import ActivationLike

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]


def _body(x: Tensor, depths: tuple[int, ...]) -> Tensor:
    """Apply blocks of some depths; each halves the size."""
    layer = partial(nn.conv, size=3, use_bias=True, activation="relu")
    filters = (64, 128, 256, 512, 512)
    for i, (depth, count) in enumerate(zip(depths, filters, strict=True), 1):
        for j in range(1, depth + 1):
            x = layer(count, name=f"block{i}_conv{j}")(x)
        x = layers.MaxPooling2D(2, name=f"block{i}_pool")(x)
    return x


def _head(x: Tensor, classes: int, activation: ActivationLike) -> Tensor:
    return nn.chain(
        x,
        layers.Flatten(name="flatten"),
        layers.Dense(4096, "relu", name="fc1"),
        layers.Dense(4096, "relu", name="fc2"),
        layers.Dense(classes, activation, name="predictions"),
    )


vgg = partial(family(standard, __name__, "VGG{}"), body=_body, head=_head)
VGG16 = vgg("16", depths=(2, 2, 3, 3, 3))
