"""Inception V3: blocks of parallel paths with convolutions of several sizes.

Rethinking the Inception Architecture for Computer Vision,
https://arxiv.org/abs/1512.00567
"""

from __future__ import annotations

from typing import Any

from lamina import layers
from lamina.applications import nn
from lamina.applications.build import Tensor, family, standard
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_tf as preprocess_input

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]


def unit(filters: int, *shape: Any, padding: str = "same") -> nn.Step:
    """Return a step: convolution, normalization without scale, ReLU."""

    def step(x: Tensor) -> Tensor:
        layer = nn.conv(filters, *shape, padding=padding)
        return nn.chain(x, layer, nn.norm(scale=False), nn.relu())

    return step


def halving(filters: int) -> nn.Step:
    """Return a step that halves the size."""
    return unit(filters, 3, 2, padding="valid")


def average(x: Tensor) -> Tensor:
    """Average each pixel with its neighbors."""
    return layers.AveragePooling2D(3, strides=1, padding="same")(x)


def maximum(x: Tensor) -> Tensor:
    """Halve the size by the maximum of each window."""
    return layers.MaxPooling2D(3, strides=2)(x)


def stem(x: Tensor) -> Tensor:
    """Reduce the images to about an eighth of their size."""
    return nn.chain(
        x,
        halving(32),
        unit(32, 3, padding="valid"),
        unit(64, 3),
        maximum,
        unit(80, padding="valid"),
        unit(192, 3, padding="valid"),
        maximum,
    )


_ROW, _COLUMN = (1, 7), (7, 1)


def block_a(x: Tensor, pooled: int, name: str, first: int = 64) -> Tensor:
    """Apply paths with windows of 1x1, 5x5 and twice 3x3 pixels, and an average."""
    return nn.branches(
        x,
        name,
        (unit(first),),
        (unit(48), unit(64, 5)),
        (unit(64), unit(96, 3), unit(96, 3)),
        (average, unit(pooled)),
    )


def _block_b(x: Tensor, filters: int, name: str) -> Tensor:
    twice = (unit(filters, _COLUMN), unit(filters, _ROW))
    return nn.branches(
        x,
        name,
        (unit(192),),
        (unit(filters), unit(filters, _ROW), unit(192, _COLUMN)),
        (unit(filters), *twice, unit(filters, _COLUMN), unit(192, _ROW)),
        (average, unit(192)),
    )


def _split(name: str | None) -> nn.Step:
    return lambda x: nn.branches(x, name, (unit(384, (1, 3)),), (unit(384, (3, 1)),))


def _block_c(x: Tensor, index: int) -> Tensor:
    return nn.branches(
        x,
        f"mixed{9 + index}",
        (unit(320),),
        (unit(384), _split(f"mixed9_{index}")),
        (unit(448), unit(384, 3), _split(None)),
        (average, unit(192)),
    )


def _body(x: Tensor) -> Tensor:
    x = stem(x)
    for i, pooled in enumerate((32, 64, 64)):
        x = block_a(x, pooled, f"mixed{i}")
    path = (unit(64), unit(96, 3), halving(96))
    x = nn.branches(x, "mixed3", (halving(384),), path, (maximum,))
    for i, filters in enumerate((128, 160, 160, 192), 4):
        x = _block_b(x, filters, f"mixed{i}")
    path = (unit(192), unit(192, _ROW), unit(192, _COLUMN), halving(192))
    x = nn.branches(x, "mixed8", (unit(192), halving(320)), path, (maximum,))
    return _block_c(_block_c(x, 0), 1)


InceptionV3 = family(standard, __name__, "InceptionV3", "inception_v3")(
    body=_body,
    size=299,
    min_size=75,
)
