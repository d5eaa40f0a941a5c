"""EfficientNet: MobileNet blocks, scaled in width, depth and size of the images."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from lamina import layers
from lamina.applications.architecture import Architecture
from lamina.applications.blocks import (
    Step,
    chain,
    channel_axis,
    channels,
    classifier,
    conv,
    depthwise,
    divisible,
    image_shape,
    norm,
    pad_before_stride,
    pooled,
)
from lamina.applications.build import standard, variant
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_nothing as preprocess_input
from lamina.core.graph import SymbolicTensor

__all__ = [
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "decode_predictions",
    "preprocess_input",
]


class Stage(NamedTuple):
    """Blocks of the same kind.

    Args:
        size: height and width of the windows.
        repeats: number of blocks.
        filters: number of outputs.
        expansion: factor of the number of channels inside.
        stride: stride of the first block.
        is_fused: whether one convolution replaces the expansion and the depthwise
            convolution, without squeeze and excitation.
    """

    size: int
    repeats: int
    filters: int
    expansion: int
    stride: int
    is_fused: bool = False


_STAGES = (
    Stage(3, 1, 16, 1, 1),
    Stage(3, 2, 24, 6, 2),
    Stage(5, 2, 40, 6, 2),
    Stage(3, 3, 80, 6, 2),
    Stage(5, 3, 112, 6, 1),
    Stage(5, 4, 192, 6, 2),
    Stage(3, 1, 320, 6, 1),
)


def _variance_scaling(scale: float, distribution: str) -> dict[str, object]:
    # A config, as an initializer object would return equal values for all layers.
    config = {"scale": scale, "mode": "fan_out", "distribution": distribution}
    return {"class_name": "VarianceScaling", "config": config}


_KERNEL = _variance_scaling(2.0, "truncated_normal")
_DROP_CONNECT = 0.2  # the rate of the last block; that of the first is 0
Block = Callable[[SymbolicTensor, Stage, int, int, float, str], SymbolicTensor]
_conv = partial(conv, kernel_initializer=_KERNEL)


def unit(
    name: str,
    filters: int,
    size: int = 1,
    strides: int = 1,
    padding: str = "same",
    momentum: float = 0.99,
    is_activated: bool = True,
) -> tuple[Step, ...]:
    """Return a convolution, a normalization and, by default, an activation."""
    steps = (
        _conv(filters, size, strides, padding, name=f"{name}_conv"),
        norm(f"{name}_bn", momentum),
        layers.Activation("swish", name=f"{name}_activation"),
    )
    return steps if is_activated else steps[:2]


def _squeeze_excite(x: SymbolicTensor, filters: int, name: str) -> SymbolicTensor:
    """Multiply the channels by weights that are computed from their averages."""
    layer, count = partial(_conv, use_bias=True), channels(x)
    weights = chain(
        x,
        layers.GlobalAveragePooling2D(name=f"{name}se_squeeze"),
        layers.Reshape(image_shape(1, 1, count), name=f"{name}se_reshape"),
        layer(filters, activation="swish", name=f"{name}se_reduce"),
        layer(count, activation="sigmoid", name=f"{name}se_expand"),
    )
    return layers.Multiply(name=f"{name}se_excite")([x, weights])


def residual(
    x: SymbolicTensor, inputs: SymbolicTensor, stride: int, rate: float, name: str
) -> SymbolicTensor:
    """Add the input of a block if it has the shape of the result.

    Training drops the result of a fraction `rate` of the images (stochastic depth).
    """
    if stride > 1 or channels(x) != channels(inputs):
        return x
    if rate > 0:
        shape = (None, 1, 1, 1)
        x = layers.Dropout(rate, noise_shape=shape, name=f"{name}drop")(x)
    return layers.Add(name=f"{name}add")([x, inputs])


def block(
    x: SymbolicTensor,
    stage: Stage,
    filters: int,
    stride: int,
    rate: float,
    name: str,
    depthwise_name: str = "dwconv",
    pad_name: str = "dwconv_pad",
    momentum: float = 0.99,
) -> SymbolicTensor:
    """Apply expansion, depthwise convolution, squeeze and excitation, and projection.

    Args:
        x: the feature maps.
        stage: the kind of block.
        filters: number of outputs.
        stride: stride of the depthwise convolution.
        rate: fraction of the images for which training drops the result.
        name: start of the names of the layers.
        depthwise_name: end of the name of the depthwise convolution.
        pad_name: end of the name of the layer that pads before a convolution with
            stride 2; empty if the convolution itself pads.
        momentum: momentum of the normalizations.
    """
    inputs, width = x, channels(x)
    if stage.expansion > 1:
        expand = unit(f"{name}expand", width * stage.expansion, momentum=momentum)
        x = chain(x, *expand)
    x = depthwise(
        x,
        stage.size,
        stride,
        pad_name and name + pad_name,
        depthwise_initializer=_KERNEL,
        name=name + depthwise_name,
    )
    activation = layers.Activation("swish", name=f"{name}activation")
    x = chain(x, norm(f"{name}bn", momentum), activation)
    x = _squeeze_excite(x, max(1, width // 4), name)
    project = unit(f"{name}project", filters, momentum=momentum, is_activated=False)
    return residual(chain(x, *project), inputs, stride, rate, name)


def body(
    x: SymbolicTensor,
    stages: Sequence[Stage],
    stem: int,
    depth: float,
    total: int,
    round_filters: Callable[[int], int],
    block: Block = block,
    padding: str = "same",
    momentum: float = 0.99,
) -> SymbolicTensor:
    """Apply a convolution, stages of blocks and a pointwise convolution.

    Args:
        x: the images.
        stages: the kinds of blocks.
        stem: number of filters of the first convolution.
        depth: factor of the number of blocks.
        total: number of the block at which the fraction of dropped images would be
            `_DROP_CONNECT`.
        round_filters: a function of the number of filters that a stage has.
        block: a function that applies a block.
        padding: padding of the first convolution.
        momentum: momentum of the first and the last normalization.
    """
    x = chain(x, *unit("stem", round_filters(stem), 3, 2, padding, momentum))
    index = 0
    for i, stage in enumerate(stages, 1):
        for j in range(math.ceil(depth * stage.repeats)):
            stride, name = 1 if j else stage.stride, f"block{i}{chr(ord('a') + j)}_"
            rate = _DROP_CONNECT * index / total
            x = block(x, stage, round_filters(stage.filters), stride, rate, name)
            index += 1
    return chain(x, *unit("top", round_filters(1280), momentum=momentum))


def _body(x: SymbolicTensor, width: float, depth: float) -> SymbolicTensor:
    def round_filters(count: int) -> int:
        return divisible(count * width)

    x = pad_before_stride(x, 3, "stem_conv_pad")
    total = sum(math.ceil(depth * stage.repeats) for stage in _STAGES)
    return body(x, _STAGES, 32, depth, total, round_filters, padding="valid")


def _scale(x: SymbolicTensor, is_pretrained: bool) -> SymbolicTensor:
    x = chain(x, layers.Rescaling(1 / 255), layers.Normalization(channel_axis()))
    if is_pretrained:
        # The files hold the variances where the normalization needs their roots.
        deviations = (0.229, 0.224, 0.225)
        x = layers.Rescaling([1 / math.sqrt(value) for value in deviations])(x)
    return x


def head(dropout: float) -> Callable[..., SymbolicTensor]:
    """Return the classifier."""
    initializer = _variance_scaling(1 / 3, "uniform")
    return partial(classifier, dropout=dropout, kernel_initializer=initializer)


def _architecture(
    index: int, size: int, width: float, depth: float, dropout: float
) -> Architecture:
    return Architecture(
        title=f"EfficientNetB{index}",
        name=f"efficientnetb{index}",
        module="efficientnet",
        paper="EfficientNet: Rethinking Model Scaling for Convolutional Neural "
        "Networks, https://arxiv.org/abs/1905.11946",
        body=partial(_body, width=width, depth=depth),
        file="https://storage.googleapis.com/keras-applications/"
        f"efficientnetb{index}.h5",
        size=size,
        scale=_scale,
        head=head(dropout),
        pool=partial(pooled, is_named=True),
    )


EfficientNetB0 = variant(standard, _architecture(0, 224, 1.0, 1.0, 0.2))
EfficientNetB1 = variant(standard, _architecture(1, 240, 1.0, 1.1, 0.2))
EfficientNetB2 = variant(standard, _architecture(2, 260, 1.1, 1.2, 0.3))
EfficientNetB3 = variant(standard, _architecture(3, 300, 1.2, 1.4, 0.3))
EfficientNetB4 = variant(standard, _architecture(4, 380, 1.4, 1.8, 0.4))
EfficientNetB5 = variant(standard, _architecture(5, 456, 1.6, 2.2, 0.4))
EfficientNetB6 = variant(standard, _architecture(6, 528, 1.8, 2.6, 0.5))
EfficientNetB7 = variant(standard, _architecture(7, 600, 2.0, 3.1, 0.5))
