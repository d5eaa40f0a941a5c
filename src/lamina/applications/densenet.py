"""DenseNet: each layer gets the results of all layers before it in its block."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lamina import layers
from lamina.applications.architecture import Architecture
from lamina.applications.blocks import (
    Step,
    chain,
    channel_axis,
    channels,
    conv,
    norm,
    pooled,
    relu,
)
from lamina.applications.build import standard, variant
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_torch as preprocess_input
from lamina.core.graph import SymbolicTensor

__all__ = [
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "decode_predictions",
    "preprocess_input",
]


_GROWTH = 32  # channels that each layer adds


def _activated(name: str) -> tuple[Step, Step]:
    return norm(f"{name}bn", epsilon=1.001e-5), relu(f"{name}relu")


def _layer(x: SymbolicTensor, name: str) -> SymbolicTensor:
    added = chain(
        x,
        *_activated(f"{name}_0_"),
        conv(4 * _GROWTH, name=f"{name}_1_conv"),
        *_activated(f"{name}_1_"),
        conv(_GROWTH, 3, name=f"{name}_2_conv"),
    )
    return layers.Concatenate(channel_axis(), name=f"{name}_concat")([x, added])


def _transition(x: SymbolicTensor, name: str) -> SymbolicTensor:
    return chain(
        x,
        *_activated(f"{name}_"),
        conv(channels(x) // 2, name=f"{name}_conv"),
        layers.AveragePooling2D(2, name=f"{name}_pool"),
    )


def _body(x: SymbolicTensor, depths: Sequence[int]) -> SymbolicTensor:
    x = chain(
        x,
        layers.ZeroPadding2D(3),
        conv(64, 7, 2, "valid", name="conv1_conv"),
        *_activated("conv1_"),
        layers.ZeroPadding2D(1),
        layers.MaxPooling2D(3, strides=2, name="pool1"),
    )
    for i, depth in enumerate(depths, 2):
        if i > 2:
            x = _transition(x, f"pool{i - 1}")
        for j in range(depth):
            x = _layer(x, f"conv{i}_block{j + 1}")
    return chain(x, *_activated(""))


def _densenet(title: str, depths: Sequence[int]) -> Architecture:
    name = title.lower()
    return Architecture(
        title=title,
        name=name,
        module="densenet",
        paper="Densely Connected Convolutional Networks, https://arxiv.org/abs/1608.06993",
        body=partial(_body, depths=depths),
        file=f"densenet/{name}_weights_tf_dim_ordering_tf_kernels.h5",
        pool=partial(pooled, is_named=True),
        channels_first=False,
    )


DenseNet121 = variant(standard, _densenet("DenseNet121", (6, 12, 24, 16)))
DenseNet169 = variant(standard, _densenet("DenseNet169", (6, 12, 32, 32)))
DenseNet201 = variant(standard, _densenet("DenseNet201", (6, 12, 48, 32)))
