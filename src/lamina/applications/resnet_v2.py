"""ResNet V2: residual blocks that normalize before they convolve.

Identity Mappings in Deep Residual Networks, https://arxiv.org/abs/1603.05027
"""

from __future__ import annotations

from functools import partial

from lamina import layers
from lamina.applications import nn
from lamina.applications.build import Tensor, family, standard
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_tf as preprocess_input
from lamina.applications.resnet import WIDTHS, batch_norm, stem

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2"]
__all__ += ["decode_predictions", "preprocess_input"]


def _activated(name: str) -> tuple[nn.Step, nn.Step]:
    return batch_norm(f"{name}_bn"), nn.relu(f"{name}_relu")


def _block(x: Tensor, filters: int, stride: int, project: bool, name: str) -> Tensor:
    shortcut, x = x, nn.chain(x, *_activated(f"{name}_preact"))
    if project:
        layer = nn.conv(4 * filters, 1, stride, use_bias=True, name=f"{name}_0_conv")
        shortcut = layer(x)
    elif stride > 1:
        shortcut = layers.MaxPooling2D(1, strides=stride)(shortcut)
    x = nn.chain(
        x,
        nn.conv(filters, name=f"{name}_1_conv"),
        *_activated(f"{name}_1"),
        layers.ZeroPadding2D(1, name=f"{name}_2_pad"),
        nn.conv(filters, 3, stride, "valid", name=f"{name}_2_conv"),
        *_activated(f"{name}_2"),
        nn.conv(4 * filters, use_bias=True, name=f"{name}_3_conv"),
    )
    return layers.Add(name=f"{name}_out")([shortcut, x])


def _body(x: Tensor, depths: tuple[int, ...]) -> Tensor:
    x = stem(x)
    for i, (filters, depth) in enumerate(zip(WIDTHS, depths, strict=True)):
        for j in range(depth):
            # The last block of a stage halves the size, but for the last stage.
            stride = 2 if j == depth - 1 and i < 3 else 1
            x = _block(x, filters, stride, not j, f"conv{i + 2}_block{j + 1}")
    return nn.chain(x, *_activated("post"))


_resnet = partial(
    family(standard, __name__, "ResNet{}V2"),
    body=_body,
    file="resnet/{name}_weights_tf_dim_ordering_tf_kernels.h5",
    pool=partial(nn.pooled, is_named=True),
)
ResNet50V2 = _resnet("50", depths=(3, 4, 6, 3))
ResNet101V2 = _resnet("101", depths=(3, 4, 23, 3))
ResNet152V2 = _resnet("152", depths=(3, 8, 36, 3))
