"""DenseNet: each layer gets the results of all layers before it in its block.

Densely Connected Convolutional Networks, https://arxiv.org/abs/1608.06993
"""

from __future__ import annotations

from functools import partial

from lamina import layers
from lamina.applications import nn
from lamina.applications.build import Tensor, family, standard
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_torch as preprocess_input

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201"]
__all__ += ["decode_predictions", "preprocess_input"]

_GROWTH = 32  # channels that each layer adds


def _activated(name: str) -> tuple[nn.Step, nn.Step]:
    return nn.norm(f"{name}bn", epsilon=1.001e-5), nn.relu(f"{name}relu")


def _layer(x: Tensor, name: str) -> Tensor:
    path = (
        *_activated(f"{name}_0_"),
        nn.conv(4 * _GROWTH, name=f"{name}_1_conv"),
        *_activated(f"{name}_1_"),
        nn.conv(_GROWTH, 3, name=f"{name}_2_conv"),
    )
    return nn.branches(x, f"{name}_concat", (), path)


def _transition(x: Tensor, name: str) -> Tensor:
    return nn.chain(
        x,
        *_activated(f"{name}_"),
        nn.conv(nn.channels(x) // 2, name=f"{name}_conv"),
        layers.AveragePooling2D(2, name=f"{name}_pool"),
    )


def _body(x: Tensor, depths: tuple[int, ...]) -> Tensor:
    x = nn.chain(
        x,
        layers.ZeroPadding2D(3),
        nn.conv(64, 7, 2, "valid", name="conv1_conv"),
        *_activated("conv1_"),
        layers.ZeroPadding2D(1),
        layers.MaxPooling2D(3, strides=2, name="pool1"),
    )
    for i, depth in enumerate(depths, 2):
        if i > 2:
            x = _transition(x, f"pool{i - 1}")
        for j in range(depth):
            x = _layer(x, f"conv{i}_block{j + 1}")
    return nn.chain(x, *_activated(""))


_densenet = partial(
    family(standard, __name__, "DenseNet{}"),
    body=_body,
    file="densenet/{name}_weights_tf_dim_ordering_tf_kernels.h5",
    pool=partial(nn.pooled, is_named=True),
    channels_first=False,
)
DenseNet121 = _densenet("121", depths=(6, 12, 24, 16))
DenseNet169 = _densenet("169", depths=(6, 12, 32, 32))
DenseNet201 = _densenet("201", depths=(6, 12, 48, 32))
