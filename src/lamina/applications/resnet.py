"""ResNet: blocks whose result is added to their input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from lamina import layers
from lamina.applications.architecture import Architecture
from lamina.applications.blocks import Step, chain, conv, norm, pooled, relu
from lamina.applications.build import standard, variant
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_caffe as preprocess_input
from lamina.core.graph import SymbolicTensor

__all__ = [
    "ResNet50",
    "ResNet101",
    "ResNet152",
    "decode_predictions",
    "preprocess_input",
]

WIDTHS = (64, 128, 256, 512)
"""Filters inside the blocks of each stage; the stage has four times as many outside."""
batch_norm = partial(norm, epsilon=1.001e-5)


def stem(x: SymbolicTensor, *steps: Step) -> SymbolicTensor:
    """Reduce the images to a quarter of their size, with steps before the pooling."""
    return chain(
        x,
        layers.ZeroPadding2D(3, name="conv1_pad"),
        conv(64, 7, 2, "valid", use_bias=True, name="conv1_conv"),
        *steps,
        layers.ZeroPadding2D(1, name="pool1_pad"),
        layers.MaxPooling2D(3, strides=2, name="pool1_pool"),
    )


def _unit(
    filters: int, name: str, size: int = 1, strides: int = 1
) -> tuple[Step, Step]:
    layer = conv(filters, size, strides, use_bias=True, name=f"{name}_conv")
    return layer, batch_norm(f"{name}_bn")


def _block(
    x: SymbolicTensor, filters: int, stride: int, project: bool, name: str
) -> SymbolicTensor:
    shortcut = x
    if project:
        shortcut = chain(x, *_unit(4 * filters, f"{name}_0", strides=stride))
    x = chain(
        x,
        *_unit(filters, f"{name}_1", strides=stride),
        relu(f"{name}_1_relu"),
        *_unit(filters, f"{name}_2", 3),
        relu(f"{name}_2_relu"),
        *_unit(4 * filters, f"{name}_3"),
    )
    return relu(f"{name}_out")(layers.Add(name=f"{name}_add")([shortcut, x]))


def _body(x: SymbolicTensor, depths: Sequence[int]) -> SymbolicTensor:
    x = stem(x, batch_norm("conv1_bn"), relu("conv1_relu"))
    for i, (filters, depth) in enumerate(zip(WIDTHS, depths, strict=True)):
        for j in range(depth):
            stride = 2 if i and not j else 1
            x = _block(x, filters, stride, not j, f"conv{i + 2}_block{j + 1}")
    return x


def resnet(
    title: str,
    depths: Sequence[int],
    module: str = "resnet",
    paper: str = "Deep Residual Learning for Image Recognition, "
    "https://arxiv.org/abs/1512.03385",
    body: Callable[..., SymbolicTensor] = _body,
) -> Architecture:
    """Return the architecture with stages of some depths."""
    name = title.lower()
    return Architecture(
        title=title,
        name=name,
        module=module,
        paper=paper,
        body=partial(body, depths=depths),
        file=f"resnet/{name}_weights_tf_dim_ordering_tf_kernels.h5",
        pool=partial(pooled, is_named=True),
    )


ResNet50 = variant(standard, resnet("ResNet50", (3, 4, 6, 3)))
ResNet101 = variant(standard, resnet("ResNet101", (3, 4, 23, 3)))
ResNet152 = variant(standard, resnet("ResNet152", (3, 8, 36, 3)))
