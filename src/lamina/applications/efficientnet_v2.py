"""EfficientNet V2: EfficientNet with fused convolutions in the first stages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lamina.applications.architecture import (
    Architecture,
    Options,
    Pooling,
    build,
    checked_shape,
    named_pooling,
    variant,
)
from lamina.applications.blocks import chain, channel_axis, channels, norm
from lamina.applications.efficientnet import (
    Stage,
    added,
    apply_stages,
    block,
    convolution,
    head,
)
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_nothing as preprocess_input
from lamina.applications.weights import WeightFiles, Weights
from lamina.core.graph import SymbolicTensor
from lamina.layers import Activation, Normalization, Rescaling
from lamina.models import Model
from lamina.typing import ActivationLike, PartialShape

__all__ = [
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2L",
    "EfficientNetV2M",
    "EfficientNetV2S",
    "decode_predictions",
    "preprocess_input",
]


def __dir__() -> list[str]:
    return __all__


_fused = partial(Stage, 3, is_fused=True)
_STAGES_B = (
    _fused(1, 16, 1, 1),
    _fused(2, 32, 4, 2),
    _fused(2, 48, 4, 2),
    Stage(3, 3, 96, 4, 2),
    Stage(3, 5, 112, 6, 1),
    Stage(3, 8, 192, 6, 2),
)
_STAGES_S = (
    _fused(2, 24, 1, 1),
    _fused(4, 48, 4, 2),
    _fused(4, 64, 4, 2),
    Stage(3, 6, 128, 4, 2),
    Stage(3, 9, 160, 6, 1),
    Stage(3, 15, 256, 6, 2),
)
_STAGES_M = (
    _fused(3, 24, 1, 1),
    _fused(5, 48, 4, 2),
    _fused(5, 80, 4, 2),
    Stage(3, 7, 160, 4, 2),
    Stage(3, 14, 176, 6, 1),
    Stage(3, 18, 304, 6, 2),
    Stage(3, 5, 512, 6, 1),
)
_STAGES_L = (
    _fused(4, 32, 1, 1),
    _fused(7, 64, 4, 2),
    _fused(7, 96, 4, 2),
    Stage(3, 10, 192, 4, 2),
    Stage(3, 19, 224, 6, 1),
    Stage(3, 25, 384, 6, 2),
    Stage(3, 7, 640, 6, 1),
)
_MOMENTUM = 0.9


def _block(
    x: SymbolicTensor, stage: Stage, filters: int, stride: int, rate: float, name: str
) -> SymbolicTensor:
    if not stage.is_fused:
        shape = stage, filters, stride, rate
        return block(x, *shape, name, "dwconv2", pads=False, momentum=_MOMENTUM)
    inputs, width = x, channels(x)
    parts = [("project", filters, "project_activation")]
    if stage.expansion > 1:
        expand = "expand", width * stage.expansion, "expand_activation"
        parts = [expand, ("project", filters, "")]
    size, strides = stage.size, stride
    for part, count, activation in parts:
        layer = convolution(f"{name}{part}_conv", count, size, strides)
        x = chain(x, layer, norm(f"{name}{part}_bn", _MOMENTUM))
        if activation:
            x = Activation("swish", name=f"{name}{activation}")(x)
        size = strides = 1
    is_same = stride == 1 and width == filters
    return added(x, inputs, rate, name) if is_same else x


def _body(
    x: SymbolicTensor,
    stages: Sequence[Stage],
    stem: int,
    width: float = 1.0,
    depth: float = 1.0,
) -> SymbolicTensor:
    def round_filters(count: int) -> int:
        return max(8, int(count * width + 4) // 8 * 8)

    x = chain(
        x,
        convolution("stem_conv", round_filters(stem), 3, 2),
        norm("stem_bn", _MOMENTUM),
        Activation("swish", name="stem_activation"),
    )
    total = sum(stage.repeats for stage in stages)
    x = apply_stages(x, stages, depth, total, round_filters, _block)
    return chain(
        x,
        convolution("top_conv", round_filters(1280)),
        norm("top_bn", _MOMENTUM),
        Activation("swish", name="top_activation"),
    )


def _scale(x: SymbolicTensor, is_pretrained: bool) -> SymbolicTensor:
    del is_pretrained
    return Rescaling(1 / 128, -1.0)(x)


def _normalize(x: SymbolicTensor, is_pretrained: bool) -> SymbolicTensor:
    if channels(x) != 3:
        return _scale(x, is_pretrained)
    mean, variance = [0.485, 0.456, 0.406], [0.229**2, 0.224**2, 0.225**2]
    return chain(x, Rescaling(1 / 255), Normalization(channel_axis(), mean, variance))


def _efficientnet(
    row: Architecture,
    include_top: bool = True,
    weights: Weights = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    input_shape: PartialShape | None = None,
    pooling: Pooling = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    include_preprocessing: bool = True,
    name: str | None = None,
) -> Model:
    inputs = input_tensor, input_shape
    head = pooling, classes, classifier_activation
    options = Options(include_top, weights, *inputs, *head, name, include_preprocessing)
    return build(row, options, checked_shape(row, options))


def _architecture(title: str, name: str, size: int) -> Architecture:
    is_b = "-b" in name
    return Architecture(
        title=title,
        name=name,
        module="efficientnet_v2",
        paper="EfficientNetV2: Smaller Models and Faster Training, "
        "https://arxiv.org/abs/2104.00298",
        body=_BODIES[name],
        files=WeightFiles(f"efficientnet_v2/{name}.h5"),
        size=size,
        scale=_normalize if is_b else _scale,
        head=head(0.2),
        pool=named_pooling,
    )


_BODIES = {
    "efficientnetv2-b0": partial(_body, stages=_STAGES_B, stem=32),
    "efficientnetv2-b1": partial(_body, stages=_STAGES_B, stem=32, depth=1.1),
    "efficientnetv2-b2": partial(
        _body, stages=_STAGES_B, stem=32, width=1.1, depth=1.2
    ),
    "efficientnetv2-b3": partial(
        _body, stages=_STAGES_B, stem=32, width=1.2, depth=1.4
    ),
    "efficientnetv2-s": partial(_body, stages=_STAGES_S, stem=24),
    "efficientnetv2-m": partial(_body, stages=_STAGES_M, stem=24),
    "efficientnetv2-l": partial(_body, stages=_STAGES_L, stem=32),
}
_variant = partial(variant, _efficientnet)
EfficientNetV2B0 = _variant(_architecture("EfficientNetV2B0", "efficientnetv2-b0", 224))
EfficientNetV2B1 = _variant(_architecture("EfficientNetV2B1", "efficientnetv2-b1", 240))
EfficientNetV2B2 = _variant(_architecture("EfficientNetV2B2", "efficientnetv2-b2", 260))
EfficientNetV2B3 = _variant(_architecture("EfficientNetV2B3", "efficientnetv2-b3", 300))
EfficientNetV2S = _variant(_architecture("EfficientNetV2S", "efficientnetv2-s", 384))
EfficientNetV2M = _variant(_architecture("EfficientNetV2M", "efficientnetv2-m", 480))
EfficientNetV2L = _variant(_architecture("EfficientNetV2L", "efficientnetv2-l", 480))
