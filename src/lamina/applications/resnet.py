"""ResNet: blocks whose result is added to their input.

Deep Residual Learning for Image Recognition, https://arxiv.org/abs/1512.03385
"""

from __future__ import annotations

from functools import partial

from lamina import layers
from lamina.applications import nn
from lamina.applications.build import Tensor, family, standard
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_caffe as preprocess_input

__all__ = ["ResNet50", "ResNet101", "ResNet152"]
__all__ += ["decode_predictions", "preprocess_input"]

WIDTHS = (64, 128, 256, 512)
"""Filters inside the blocks of each stage; the stage has four times as many outside."""
batch_norm = partial(nn.norm, epsilon=1.001e-5)


def stem(x: Tensor, *steps: nn.Step) -> Tensor:
    """Reduce the images to a quarter of their size, with steps before the pooling."""
    return nn.chain(
        x,
        layers.ZeroPadding2D(3, name="conv1_pad"),
        nn.conv(64, 7, 2, "valid", use_bias=True, name="conv1_conv"),
        *steps,
        layers.ZeroPadding2D(1, name="pool1_pad"),
        layers.MaxPooling2D(3, strides=2, name="pool1_pool"),
    )


def _unit(filters: int, name: str, size: int = 1, strides: int = 1) -> list[nn.Step]:
    layer = nn.conv(filters, size, strides, use_bias=True, name=f"{name}_conv")
    return [layer, batch_norm(f"{name}_bn")]


def _block(x: Tensor, filters: int, stride: int, project: bool, name: str) -> Tensor:
    shortcut = x
    if project:
        shortcut = nn.chain(x, *_unit(4 * filters, f"{name}_0", strides=stride))
    x = nn.chain(
        x,
        *_unit(filters, f"{name}_1", strides=stride),
        nn.relu(f"{name}_1_relu"),
        *_unit(filters, f"{name}_2", 3),
        nn.relu(f"{name}_2_relu"),
        *_unit(4 * filters, f"{name}_3"),
    )
    return nn.relu(f"{name}_out")(layers.Add(name=f"{name}_add")([shortcut, x]))


def _body(x: Tensor, depths: tuple[int, ...]) -> Tensor:
    x = stem(x, batch_norm("conv1_bn"), nn.relu("conv1_relu"))
    for i, (filters, depth) in enumerate(zip(WIDTHS, depths, strict=True)):
        for j in range(depth):
            stride = 2 if i and not j else 1
            x = _block(x, filters, stride, not j, f"conv{i + 2}_block{j + 1}")
    return x


_resnet = partial(
    family(standard, __name__, "ResNet{}"),
    body=_body,
    file="resnet/{name}_weights_tf_dim_ordering_tf_kernels.h5",
    pool=partial(nn.pooled, is_named=True),
)
ResNet50 = _resnet("50", depths=(3, 4, 6, 3))
ResNet101 = _resnet("101", depths=(3, 4, 23, 3))
ResNet152 = _resnet("152", depths=(3, 8, 36, 3))
