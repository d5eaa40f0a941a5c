"""ResNet: blocks whose result is added to their input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from lamina.applications.architecture import (
    Architecture,
    named_pooling,
    standard,
    variant,
)
from lamina.applications.blocks import Step, chain, conv, norm, relu
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_caffe as preprocess_input
from lamina.applications.weights import WeightFiles
from lamina.core.graph import SymbolicTensor
from lamina.layers import Add, MaxPooling2D, ZeroPadding2D

__all__ = [
    "ResNet50",
    "ResNet101",
    "ResNet152",
    "decode_predictions",
    "preprocess_input",
]


def __dir__() -> list[str]:
    return __all__


EPSILON = 1.001e-5
WIDTHS = (64, 128, 256, 512)
"""Filters inside the blocks of each stage; the stage has four times as many outside."""


def stem(x: SymbolicTensor, *steps: Step) -> SymbolicTensor:
    """Reduce the images to a quarter of their size, with steps before the pooling."""
    return chain(
        x,
        ZeroPadding2D(3, name="conv1_pad"),
        conv(64, 7, 2, "valid", use_bias=True, name="conv1_conv"),
        *steps,
        ZeroPadding2D(1, name="pool1_pad"),
        MaxPooling2D(3, strides=2, name="pool1_pool"),
    )


def _block(
    x: SymbolicTensor, filters: int, stride: int, project: bool, name: str
) -> SymbolicTensor:
    def unit(count: int, size: int, strides: int, part: str) -> tuple[Step, Step]:
        layer = conv(count, size, strides, use_bias=True, name=f"{part}_conv")
        return layer, norm(f"{part}_bn", epsilon=EPSILON)

    shortcut = x
    if project:
        shortcut = chain(x, *unit(4 * filters, 1, stride, f"{name}_0"))
    x = chain(
        x,
        *unit(filters, 1, stride, f"{name}_1"),
        relu(f"{name}_1_relu"),
        *unit(filters, 3, 1, f"{name}_2"),
        relu(f"{name}_2_relu"),
        *unit(4 * filters, 1, 1, f"{name}_3"),
    )
    return relu(f"{name}_out")(Add(name=f"{name}_add")([shortcut, x]))


def _body(x: SymbolicTensor, depths: Sequence[int]) -> SymbolicTensor:
    x = stem(x, norm("conv1_bn", epsilon=EPSILON), relu("conv1_relu"))
    for i, (filters, depth) in enumerate(zip(WIDTHS, depths, strict=True)):
        for j in range(depth):
            stride = 2 if i and not j else 1
            x = _block(x, filters, stride, not j, f"conv{i + 2}_block{j + 1}")
    return x


def resnet(
    title: str,
    module: str,
    paper: str,
    body: Callable[..., SymbolicTensor],
    depths: Sequence[int],
) -> Architecture:
    """Return the architecture with stages of some depths."""
    name = title.lower()
    return Architecture(
        title=title,
        name=name,
        module=module,
        paper=paper,
        body=partial(body, depths=depths),
        files=WeightFiles(f"resnet/{name}_weights_tf_dim_ordering_tf_kernels.h5"),
        pool=named_pooling,
    )


_resnet = partial(
    resnet,
    module="resnet",
    paper="Deep Residual Learning for Image Recognition, "
    "https://arxiv.org/abs/1512.03385",
    body=_body,
)
ResNet50 = variant(standard, _resnet("ResNet50", depths=(3, 4, 6, 3)))
ResNet101 = variant(standard, _resnet("ResNet101", depths=(3, 4, 23, 3)))
ResNet152 = variant(standard, _resnet("ResNet152", depths=(3, 8, 36, 3)))
