"""EfficientNet: MobileNet blocks, scaled in width, depth and size of the images."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from lamina.applications.architecture import (
    Architecture,
    Head,
    classifier,
    named_pooling,
    standard,
    variant,
)
from lamina.applications.blocks import (
    Step,
    chain,
    channel_axis,
    channels,
    conv,
    depthwise,
    divisible,
    norm,
    pad_before_stride,
)
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_nothing as preprocess_input
from lamina.applications.inputs import image_shape
from lamina.applications.weights import WeightFiles
from lamina.core.graph import SymbolicTensor
from lamina.initializers import VarianceScaling
from lamina.layers import (
    Activation,
    Add,
    Dropout,
    GlobalAveragePooling2D,
    Multiply,
    Normalization,
    Rescaling,
    Reshape,
)

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


def __dir__() -> list[str]:
    return __all__


class Stage(NamedTuple):
    """Blocks of the same kind.

    Args:
        size: height and width of the windows.
        repeats: number of blocks.
        filters: number of outputs.
        expansion: factor of the number of channels inside.
        stride: stride of the first block.
        is_fused: whether one convolution replaces the expansion and the depthwise
            convolution, and the channels are not weighted.
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
_SIZES = (224, 240, 260, 300, 380, 456, 528, 600)
_FILES = "https://storage.googleapis.com/keras-applications/"
DROP_CONNECT = 0.2  # the rate of the last block; that of the first is 0
kernel = VarianceScaling(2.0, "fan_out", "truncated_normal")


def convolution(
    name: str, filters: int, size: int = 1, strides: int = 1, padding: str = "same"
) -> Step:
    """Return a convolution with the initial values of the architecture."""
    return conv(filters, size, strides, padding, kernel_initializer=kernel, name=name)


def weighted(x: SymbolicTensor, filters: int, name: str) -> SymbolicTensor:
    """Multiply the channels by weights computed from their averages."""
    layer = partial(conv, use_bias=True, kernel_initializer=kernel)
    count = channels(x)
    weights = chain(
        x,
        GlobalAveragePooling2D(name=f"{name}se_squeeze"),
        Reshape(image_shape(1, 1, count), name=f"{name}se_reshape"),
        layer(filters, activation="swish", name=f"{name}se_reduce"),
        layer(count, activation="sigmoid", name=f"{name}se_expand"),
    )
    return Multiply(name=f"{name}se_excite")([x, weights])


def added(
    x: SymbolicTensor, inputs: SymbolicTensor, rate: float, name: str
) -> SymbolicTensor:
    """Add the input of a block; drop the block's result for some images in training."""
    if rate > 0:
        shape = (None, 1, 1, 1)
        x = Dropout(rate, noise_shape=shape, name=f"{name}drop")(x)
    return Add(name=f"{name}add")([x, inputs])


def block(
    x: SymbolicTensor,
    stage: Stage,
    filters: int,
    stride: int,
    rate: float,
    name: str,
    depthwise_name: str = "dwconv",
    pads: bool = True,
    momentum: float = 0.99,
) -> SymbolicTensor:
    """Apply an expansion, a depthwise convolution, weights and a projection.

    Args:
        x: the feature maps.
        stage: the kind of block.
        filters: number of outputs.
        stride: stride of the depthwise convolution.
        rate: fraction of the images for which training drops the result.
        name: start of the names of the layers.
        depthwise_name: end of the name of the depthwise convolution.
        pads: whether a layer pads the input of a convolution with stride 2.
        momentum: momentum of the normalizations.
    """
    inputs, width = x, channels(x)
    if stage.expansion > 1:
        x = chain(
            x,
            convolution(f"{name}expand_conv", width * stage.expansion),
            norm(f"{name}expand_bn", momentum),
            Activation("swish", name=f"{name}expand_activation"),
        )
    padding = "same"
    if pads and stride == 2:
        x = pad_before_stride(x, stage.size, f"{name}dwconv_pad")
        padding = "valid"
    spatial = depthwise(
        stage.size, stride, padding, initializer=kernel, name=name + depthwise_name
    )
    activation = Activation("swish", name=f"{name}activation")
    x = chain(x, spatial, norm(f"{name}bn", momentum), activation)
    x = weighted(x, max(1, width // 4), name)
    project = convolution(f"{name}project_conv", filters)
    x = chain(x, project, norm(f"{name}project_bn", momentum))
    is_same = stride == 1 and width == filters
    return added(x, inputs, rate, name) if is_same else x


def apply_stages(
    x: SymbolicTensor,
    stages: Sequence[Stage],
    depth: float,
    total: int,
    round_filters: Callable[[int], int],
    block: Callable[[SymbolicTensor, Stage, int, int, float, str], SymbolicTensor],
) -> SymbolicTensor:
    """Apply stages whose number of blocks is multiplied by `depth`.

    The fraction of dropped images grows to `DROP_CONNECT` at the block `total`.
    """
    index = 0
    for i, stage in enumerate(stages, 1):
        for j in range(math.ceil(depth * stage.repeats)):
            stride, name = 1 if j else stage.stride, f"block{i}{chr(ord('a') + j)}_"
            rate = DROP_CONNECT * index / total
            x = block(x, stage, round_filters(stage.filters), stride, rate, name)
            index += 1
    return x


def _body(x: SymbolicTensor, width: float, depth: float) -> SymbolicTensor:
    def round_filters(count: int) -> int:
        return divisible(count * width)

    x = chain(
        pad_before_stride(x, 3, "stem_conv_pad"),
        convolution("stem_conv", round_filters(32), 3, 2, "valid"),
        norm("stem_bn"),
        Activation("swish", name="stem_activation"),
    )
    total = sum(math.ceil(depth * stage.repeats) for stage in _STAGES)
    x = apply_stages(x, _STAGES, depth, total, round_filters, block)
    return chain(
        x,
        convolution("top_conv", round_filters(1280)),
        norm("top_bn"),
        Activation("swish", name="top_activation"),
    )


def _scale(x: SymbolicTensor, is_pretrained: bool) -> SymbolicTensor:
    x = chain(x, Rescaling(1 / 255), Normalization(channel_axis()))
    if is_pretrained:
        # The files hold the variances where the normalization needs their roots.
        deviations = (0.229, 0.224, 0.225)
        x = Rescaling([1 / math.sqrt(value) for value in deviations])(x)
    return x


def head(dropout: float) -> Head:
    """Return the classifier."""
    return classifier("avg_pool", dropout, VarianceScaling(1 / 3, "fan_out", "uniform"))


def _architecture(
    index: int, width: float, depth: float, dropout: float
) -> Architecture:
    return Architecture(
        title=f"EfficientNetB{index}",
        name=f"efficientnetb{index}",
        module="efficientnet",
        paper="EfficientNet: Rethinking Model Scaling for Convolutional Neural "
        "Networks, https://arxiv.org/abs/1905.11946",
        body=partial(_body, width=width, depth=depth),
        files=WeightFiles(f"{_FILES}efficientnetb{index}.h5"),
        size=_SIZES[index],
        scale=_scale,
        head=head(dropout),
        pool=named_pooling,
    )


EfficientNetB0 = variant(standard, _architecture(0, 1.0, 1.0, 0.2))
EfficientNetB1 = variant(standard, _architecture(1, 1.0, 1.1, 0.2))
EfficientNetB2 = variant(standard, _architecture(2, 1.1, 1.2, 0.3))
EfficientNetB3 = variant(standard, _architecture(3, 1.2, 1.4, 0.3))
EfficientNetB4 = variant(standard, _architecture(4, 1.4, 1.8, 0.4))
EfficientNetB5 = variant(standard, _architecture(5, 1.6, 2.2, 0.4))
EfficientNetB6 = variant(standard, _architecture(6, 1.8, 2.6, 0.5))
EfficientNetB7 = variant(standard, _architecture(7, 2.0, 3.1, 0.5))
