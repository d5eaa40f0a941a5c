"""EfficientNet V2: EfficientNet with fused convolutions in the first stages."""

from __future__ import annotations

from functools import partial

from lamina import layers
from lamina.applications.architecture import Architecture, Options, Weights
from lamina.applications.blocks import Pooling, chain, channel_axis, channels, pooled
from lamina.applications.build import build, variant
from lamina.applications.efficientnet import Stage, block, body, head, residual, unit
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_nothing as preprocess_input
from lamina.core.graph import SymbolicTensor
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


# The number of blocks and the filters of each stage.
Sizes = tuple[tuple[int, int], ...]
_B = ((1, 16), (2, 32), (2, 48), (3, 96), (5, 112), (8, 192))
_S = ((2, 24), (4, 48), (4, 64), (6, 128), (9, 160), (15, 256))
_M = ((3, 24), (5, 48), (5, 80), (7, 160), (14, 176), (18, 304), (5, 512))
_L = ((4, 32), (7, 64), (7, 96), (10, 192), (19, 224), (25, 384), (7, 640))
# The expansion, the stride, and whether the convolutions are fused, of each stage.
_KINDS = (
    *((1, 1, True), (4, 2, True), (4, 2, True)),
    *((4, 2, False), (6, 1, False), (6, 2, False), (6, 1, False)),
)
_unit = partial(unit, momentum=0.9)
_separate_block = partial(block, depthwise_name="dwconv2", pad_name="", momentum=0.9)


def _block(
    x: SymbolicTensor, stage: Stage, filters: int, stride: int, rate: float, name: str
) -> SymbolicTensor:
    if not stage.is_fused:
        return _separate_block(x, stage, filters, stride, rate, name)
    inputs, width, expansion = x, channels(x), stage.expansion
    if expansion > 1:
        expand = _unit(f"{name}expand", width * expansion, stage.size, stride)
        project = _unit(f"{name}project", filters, is_activated=False)
        x = chain(x, *expand, *project)
    else:
        x = chain(x, *_unit(f"{name}project", filters, stage.size, stride))
    return residual(x, inputs, stride, rate, name)


def _body(
    x: SymbolicTensor, sizes: Sizes, stem: int, width: float, depth: float
) -> SymbolicTensor:
    def round_filters(count: int) -> int:
        return max(8, int(count * width + 4) // 8 * 8)

    stages = [Stage(3, *size, *kind) for size, kind in zip(sizes, _KINDS, strict=False)]
    total = sum(repeats for repeats, _ in sizes)
    return body(x, stages, stem, depth, total, round_filters, _block, momentum=0.9)


def _scale(x: SymbolicTensor, _: bool) -> SymbolicTensor:
    return layers.Rescaling(1 / 128, -1.0)(x)


def _normalize(x: SymbolicTensor, is_pretrained: bool) -> SymbolicTensor:
    if channels(x) != 3:
        return _scale(x, is_pretrained)
    mean, variance = [0.485, 0.456, 0.406], [0.229**2, 0.224**2, 0.225**2]
    normalization = layers.Normalization(channel_axis(), mean, variance)
    return chain(x, layers.Rescaling(1 / 255), normalization)


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
    return build(row, Options.of(locals()))


def _architecture(
    kind: str,
    size: int,
    sizes: Sizes,
    stem: int,
    width: float = 1.0,
    depth: float = 1.0,
) -> Architecture:
    name = f"efficientnetv2-{kind.lower()}"
    return Architecture(
        title=f"EfficientNetV2{kind}",
        name=name,
        module="efficientnet_v2",
        paper="EfficientNetV2: Smaller Models and Faster Training, "
        "https://arxiv.org/abs/2104.00298",
        body=partial(_body, sizes=sizes, stem=stem, width=width, depth=depth),
        file=f"efficientnet_v2/{name}.h5",
        size=size,
        scale=_normalize if sizes is _B else _scale,
        head=head(0.2),
        pool=partial(pooled, is_named=True),
    )


EfficientNetV2B0 = variant(_efficientnet, _architecture("B0", 224, _B, 32))
EfficientNetV2B1 = variant(_efficientnet, _architecture("B1", 240, _B, 32, 1.0, 1.1))
EfficientNetV2B2 = variant(_efficientnet, _architecture("B2", 260, _B, 32, 1.1, 1.2))
EfficientNetV2B3 = variant(_efficientnet, _architecture("B3", 300, _B, 32, 1.2, 1.4))
EfficientNetV2S = variant(_efficientnet, _architecture("S", 384, _S, 24))
EfficientNetV2M = variant(_efficientnet, _architecture("M", 480, _M, 24))
EfficientNetV2L = variant(_efficientnet, _architecture("L", 480, _L, 32))
