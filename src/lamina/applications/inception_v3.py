"""Inception V3: blocks of parallel paths with convolutions of several sizes."""

from __future__ import annotations

from lamina import layers
from lamina.applications.architecture import Architecture
from lamina.applications.blocks import Step, branches, chain, conv, norm, relu
from lamina.applications.build import standard, variant
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_tf as preprocess_input
from lamina.core.graph import SymbolicTensor

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]


def unit(
    filters: int,
    size: int | tuple[int, int] = 1,
    strides: int = 1,
    padding: str = "same",
) -> Step:
    """Return a step: convolution, normalization without scale, ReLU."""

    shape = filters, size, strides, padding
    return lambda x: chain(x, conv(*shape), norm(scale=False), relu())


def halving(filters: int, size: int = 3) -> Step:
    """Return a step that halves the size."""
    return unit(filters, size, 2, "valid")


def average(x: SymbolicTensor) -> SymbolicTensor:
    """Average each pixel with its neighbours."""
    return layers.AveragePooling2D(3, strides=1, padding="same")(x)


def maximum(x: SymbolicTensor) -> SymbolicTensor:
    """Halve the size by the maximum of each window."""
    return layers.MaxPooling2D(3, strides=2)(x)


def stem(x: SymbolicTensor) -> SymbolicTensor:
    """Reduce the images to about an eighth of their size."""
    return chain(
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


def block_a(
    x: SymbolicTensor, pooled: int, name: str, first: int = 64
) -> SymbolicTensor:
    """Apply paths with windows of 1x1, 5x5 and twice 3x3 pixels, and an average."""
    return branches(
        x,
        name,
        (unit(first),),
        (unit(48), unit(64, 5)),
        (unit(64), unit(96, 3), unit(96, 3)),
        (average, unit(pooled)),
    )


def _block_b(x: SymbolicTensor, filters: int, name: str) -> SymbolicTensor:
    twice = (unit(filters, _COLUMN), unit(filters, _ROW))
    return branches(
        x,
        name,
        (unit(192),),
        (unit(filters), unit(filters, _ROW), unit(192, _COLUMN)),
        (unit(filters), *twice, unit(filters, _COLUMN), unit(192, _ROW)),
        (average, unit(192)),
    )


def _split(name: str | None) -> Step:
    return lambda x: branches(x, name, (unit(384, (1, 3)),), (unit(384, (3, 1)),))


def _block_c(x: SymbolicTensor, index: int) -> SymbolicTensor:
    return branches(
        x,
        f"mixed{9 + index}",
        (unit(320),),
        (unit(384), _split(f"mixed9_{index}")),
        (unit(448), unit(384, 3), _split(None)),
        (average, unit(192)),
    )


def _body(x: SymbolicTensor) -> SymbolicTensor:
    x = stem(x)
    for i, pooled in enumerate((32, 64, 64)):
        x = block_a(x, pooled, f"mixed{i}")
    path = (unit(64), unit(96, 3), halving(96))
    x = branches(x, "mixed3", (halving(384),), path, (maximum,))
    for i, filters in enumerate((128, 160, 160, 192), 4):
        x = _block_b(x, filters, f"mixed{i}")
    path = (unit(192), unit(192, _ROW), unit(192, _COLUMN), halving(192))
    x = branches(x, "mixed8", (unit(192), halving(320)), path, (maximum,))
    return _block_c(_block_c(x, 0), 1)


InceptionV3 = variant(
    standard,
    Architecture(
        title="InceptionV3",
        name="inception_v3",
        module="inception_v3",
        paper="Rethinking the Inception Architecture for Computer Vision, "
        "https://arxiv.org/abs/1512.00567",
        body=_body,
        file="inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels.h5",
        size=299,
        min_size=75,
    ),
)
