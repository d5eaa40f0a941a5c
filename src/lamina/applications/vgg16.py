"""VGG16: blocks of 3x3 convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lamina import layers
from lamina.applications.architecture import Architecture
from lamina.applications.blocks import chain, conv
from lamina.applications.build import standard, variant
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_caffe as preprocess_input
from lamina.core.graph import SymbolicTensor
from lamina.typing import ActivationLike

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]


def _body(x: SymbolicTensor, depths: Sequence[int]) -> SymbolicTensor:
    """Apply blocks of some depths; each halves the size."""
    layer = partial(conv, size=3, use_bias=True, activation="relu")
    filters = (64, 128, 256, 512, 512)
    for i, (depth, count) in enumerate(zip(depths, filters, strict=True), 1):
        for j in range(1, depth + 1):
            x = layer(count, name=f"block{i}_conv{j}")(x)
        x = layers.MaxPooling2D(2, name=f"block{i}_pool")(x)
    return x


def _head(
    x: SymbolicTensor, classes: int, activation: ActivationLike
) -> SymbolicTensor:
    return chain(
        x,
        layers.Flatten(name="flatten"),
        layers.Dense(4096, "relu", name="fc1"),
        layers.Dense(4096, "relu", name="fc2"),
        layers.Dense(classes, activation, name="predictions"),
    )


def vgg(title: str, depths: Sequence[int]) -> Architecture:
    """Return the architecture with blocks of some depths."""
    name = title.lower()
    return Architecture(
        title=title,
        name=name,
        module=name,
        paper="Very Deep Convolutional Networks for Large-Scale Image Recognition, "
        "https://arxiv.org/abs/1409.1556",
        body=partial(_body, depths=depths),
        file=f"{name}/{name}_weights_tf_dim_ordering_tf_kernels.h5",
        head=_head,
    )


VGG16 = variant(standard, vgg("VGG16", (2, 2, 3, 3, 3)))
