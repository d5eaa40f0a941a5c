"""ResNet V2: residual blocks that normalize before they convolve."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lamina import layers
from lamina.applications.blocks import Step, chain, conv, relu
from lamina.applications.build import standard, variant
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_tf as preprocess_input
from lamina.applications.resnet import WIDTHS, batch_norm, resnet, stem
from lamina.core.graph import SymbolicTensor

__all__ = [
    "ResNet50V2",
    "ResNet101V2",
    "ResNet152V2",
    "decode_predictions",
    "preprocess_input",
]


def _activated(name: str) -> tuple[Step, Step]:
    return batch_norm(f"{name}_bn"), relu(f"{name}_relu")


def _block(
    x: SymbolicTensor, filters: int, stride: int, project: bool, name: str
) -> SymbolicTensor:
    shortcut, x = x, chain(x, *_activated(f"{name}_preact"))
    if project:
        layer = conv(4 * filters, 1, stride, use_bias=True, name=f"{name}_0_conv")
        shortcut = layer(x)
    elif stride > 1:
        shortcut = layers.MaxPooling2D(1, strides=stride)(shortcut)
    x = chain(
        x,
        conv(filters, name=f"{name}_1_conv"),
        *_activated(f"{name}_1"),
        layers.ZeroPadding2D(1, name=f"{name}_2_pad"),
        conv(filters, 3, stride, "valid", name=f"{name}_2_conv"),
        *_activated(f"{name}_2"),
        conv(4 * filters, use_bias=True, name=f"{name}_3_conv"),
    )
    return layers.Add(name=f"{name}_out")([shortcut, x])


def _body(x: SymbolicTensor, depths: Sequence[int]) -> SymbolicTensor:
    x = stem(x)
    for i, (filters, depth) in enumerate(zip(WIDTHS, depths, strict=True)):
        for j in range(depth):
            # The last block of a stage halves the size, but for the last stage.
            stride = 2 if j == depth - 1 and i < 3 else 1
            x = _block(x, filters, stride, not j, f"conv{i + 2}_block{j + 1}")
    return chain(x, *_activated("post"))


_resnet = partial(
    resnet,
    module="resnet_v2",
    paper="Identity Mappings in Deep Residual Networks, "
    "https://arxiv.org/abs/1603.05027",
    body=_body,
)
ResNet50V2 = variant(standard, _resnet("ResNet50V2", (3, 4, 6, 3)))
ResNet101V2 = variant(standard, _resnet("ResNet101V2", (3, 4, 23, 3)))
ResNet152V2 = variant(standard, _resnet("ResNet152V2", (3, 8, 36, 3)))
