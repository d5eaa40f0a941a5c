"""EfficientNet: MobileNet blocks, scaled in width, depth and size of the images.

EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks,
https://arxiv.org/abs/1905.11946
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from lamina import layers
from lamina.applications import nn
from lamina.applications.build import Tensor, family, standard
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_nothing as preprocess_input

__all__ = ["EfficientNetB0", "EfficientNetB1", "EfficientNetB2", "EfficientNetB3"]
__all__ += ["EfficientNetB4", "EfficientNetB5", "EfficientNetB6", "EfficientNetB7"]
__all__ += ["decode_predictions", "preprocess_input"]


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
    *(Stage(3, 1, 16, 1, 1), Stage(3, 2, 24, 6, 2), Stage(5, 2, 40, 6, 2)),
    *(Stage(3, 3, 80, 6, 2), Stage(5, 3, 112, 6, 1), Stage(5, 4, 192, 6, 2)),
    Stage(3, 1, 320, 6, 1),
)


def _variance_scaling(scale: float, distribution: str) -> dict[str, object]:
    # A config, as an initializer object would return equal values for all layers.
    config = {"scale": scale, "mode": "fan_out", "distribution": distribution}
    return {"class_name": "VarianceScaling", "config": config}


_KERNEL = _variance_scaling(2.0, "truncated_normal")
_DROP_CONNECT = 0.2  # the rate of the last block; that of the first is 0
_conv = partial(nn.conv, kernel_initializer=_KERNEL)


class Network(NamedTuple):
    """One version of EfficientNet.

    Args:
        stages: the kinds of blocks.
        stem: number of filters of the first convolution.
        total: number of the block at which the fraction of dropped images would be
            `_DROP_CONNECT`.
        momentum: momentum of the normalizations.
        rounded: a function that rounds a number of filters.
        depthwise: end of the name of a depthwise convolution.
        pads: whether a layer pads before a convolution with stride 2.
    """

    stages: Sequence[Stage]
    stem: int
    total: int
    momentum: float
    rounded: Callable[[float], int]
    depthwise: str
    pads: bool

    def body(self, x: Tensor, width: float = 1.0, depth: float = 1.0) -> Tensor:
        """Apply a convolution, stages of blocks and a pointwise convolution.

        `width` is a factor of the number of filters, `depth` of the number of blocks.
        """
        x = nn.pad_before_stride(x, 3, "stem_conv_pad") if self.pads else x
        filters = self.rounded(self.stem * width)
        padding = "valid" if self.pads else "same"
        x = nn.chain(x, *self.unit("stem", filters, 3, 2, padding))
        index = 0
        for i, stage in enumerate(self.stages, 1):
            block = self.fused if stage.is_fused else self.separate
            stage = stage._replace(filters=self.rounded(stage.filters * width))
            for j in range(math.ceil(depth * stage.repeats)):
                name = f"block{i}{chr(ord('a') + j)}_"
                rate = _DROP_CONNECT * index / self.total
                x = _residual(block(x, stage, name), x, stage.stride, rate, name)
                stage = stage._replace(stride=1)
                index += 1
        return nn.chain(x, *self.unit("top", self.rounded(1280 * width)))

    def unit(
        self, name: str, filters: int, *shape: Any, is_activated: bool = True
    ) -> tuple[nn.Step, ...]:
        """Return a convolution, a normalization and, by default, an activation."""
        layer = _conv(filters, *shape, name=f"{name}_conv")
        steps = layer, nn.norm(f"{name}_bn", momentum=self.momentum)
        last = layers.Activation("swish", name=f"{name}_activation")
        return (*steps, last) if is_activated else steps

    def fused(self, x: Tensor, stage: Stage, name: str) -> Tensor:
        """Apply a convolution and, behind an expansion, a projection."""
        project, shape = f"{name}project", (stage.size, stage.stride)
        if stage.expansion == 1:
            return nn.chain(x, *self.unit(project, stage.filters, *shape))
        expand = self.unit(f"{name}expand", nn.channels(x) * stage.expansion, *shape)
        last = self.unit(project, stage.filters, is_activated=False)
        return nn.chain(x, *expand, *last)

    def separate(self, x: Tensor, stage: Stage, name: str) -> Tensor:
        """Apply expansion, depthwise convolution, squeeze-excitation and projection."""
        width, pad = nn.channels(x), f"{name}dwconv_pad" if self.pads else ""
        if stage.expansion > 1:
            x = nn.chain(x, *self.unit(f"{name}expand", width * stage.expansion))
        options = {"depthwise_initializer": _KERNEL, "name": name + self.depthwise}
        x = nn.chain(
            nn.depthwise(x, stage.size, stage.stride, pad, **options),
            nn.norm(f"{name}bn", momentum=self.momentum),
            layers.Activation("swish", name=f"{name}activation"),
        )
        x = _squeeze_excite(x, max(1, width // 4), name)
        last = self.unit(f"{name}project", stage.filters, is_activated=False)
        return nn.chain(x, *last)


def _squeeze_excite(x: Tensor, filters: int, name: str) -> Tensor:
    """Multiply the channels by weights that are computed from their averages."""
    layer, count = partial(_conv, use_bias=True), nn.channels(x)
    weights = nn.chain(
        x,
        layers.GlobalAveragePooling2D(name=f"{name}se_squeeze"),
        layers.Reshape(nn.image_shape(1, 1, count), name=f"{name}se_reshape"),
        layer(filters, activation="swish", name=f"{name}se_reduce"),
        layer(count, activation="sigmoid", name=f"{name}se_expand"),
    )
    return layers.Multiply(name=f"{name}se_excite")([x, weights])


def _residual(x: Tensor, inputs: Tensor, stride: int, rate: float, name: str) -> Tensor:
    """Add the input of a block if it has the shape of the result.

    Training drops the result of a fraction `rate` of the images (stochastic depth).
    """
    if stride > 1 or nn.channels(x) != nn.channels(inputs):
        return x
    if rate > 0:
        shape = (None, 1, 1, 1)
        x = layers.Dropout(rate, noise_shape=shape, name=f"{name}drop")(x)
    return layers.Add(name=f"{name}add")([x, inputs])


def _body(x: Tensor, width: float, depth: float) -> Tensor:
    total = sum(math.ceil(depth * stage.repeats) for stage in _STAGES)
    network = Network(_STAGES, 32, total, 0.99, nn.divisible, "dwconv", pads=True)
    return network.body(x, width, depth)


def _scale(x: Tensor, is_pretrained: bool) -> Tensor:
    normalization = layers.Normalization(nn.channel_axis())
    x = nn.chain(x, layers.Rescaling(1 / 255), normalization)
    if is_pretrained:
        # The files hold the variances where the normalization needs their roots.
        deviations = (0.229, 0.224, 0.225)
        x = layers.Rescaling([1 / math.sqrt(value) for value in deviations])(x)
    return x


def head(dropout: float) -> Callable[..., Tensor]:
    """Return the classifier."""
    initializer = _variance_scaling(1 / 3, "uniform")
    return partial(nn.classifier, dropout=dropout, kernel_initializer=initializer)


_efficientnet = partial(
    family(standard, __name__, "EfficientNetB{}"),
    body=_body,
    file="https://storage.googleapis.com/keras-applications/{name}.h5",
    scale=_scale,
    pool=partial(nn.pooled, is_named=True),
)


def _row(size: int, width: float, depth: float, dropout: float) -> dict[str, Any]:
    return {"size": size, "width": width, "depth": depth, "head": head(dropout)}


EfficientNetB0 = _efficientnet("0", **_row(224, 1.0, 1.0, 0.2))
EfficientNetB1 = _efficientnet("1", **_row(240, 1.0, 1.1, 0.2))
EfficientNetB2 = _efficientnet("2", **_row(260, 1.1, 1.2, 0.3))
EfficientNetB3 = _efficientnet("3", **_row(300, 1.2, 1.4, 0.3))
EfficientNetB4 = _efficientnet("4", **_row(380, 1.4, 1.8, 0.4))
EfficientNetB5 = _efficientnet("5", **_row(456, 1.6, 2.2, 0.4))
EfficientNetB6 = _efficientnet("6", **_row(528, 1.8, 2.6, 0.5))
EfficientNetB7 = _efficientnet("7", **_row(600, 2.0, 3.1, 0.5))
