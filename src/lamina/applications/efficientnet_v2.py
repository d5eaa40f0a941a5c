"""EfficientNet V2: EfficientNet with fused convolutions in the first stages.

EfficientNetV2: Smaller Models and Faster Training, https://arxiv.org/abs/2104.00298
"""

from __future__ import annotations

from functools import partial

from lamina import layers
from lamina.applications import nn
from lamina.applications.architecture import Architecture, Options, Weights
from lamina.applications.build import Tensor, build, family
from lamina.applications.efficientnet import Network, Stage, head
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_nothing as preprocess_input
from lamina.models import Model
from lamina.typing import ActivationLike, PartialShape

__all__ = ["EfficientNetV2B0", "EfficientNetV2B1", "EfficientNetV2B2"]
__all__ += ["EfficientNetV2B3", "EfficientNetV2L", "EfficientNetV2M"]
__all__ += ["EfficientNetV2S", "decode_predictions", "preprocess_input"]


def _rounded(filters: float) -> int:
    return max(8, int(filters + 4) // 8 * 8)


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


def _body(x: Tensor, sizes: Sizes, stem: int, **scale: float) -> Tensor:
    stages = [Stage(3, *size, *kind) for size, kind in zip(sizes, _KINDS, strict=False)]
    total = sum(repeats for repeats, _ in sizes)
    network = Network(stages, stem, total, 0.9, _rounded, "dwconv2", pads=False)
    return network.body(x, **scale)


def _scale(x: Tensor, _: bool) -> Tensor:
    return layers.Rescaling(1 / 128, -1.0)(x)


def _normalize(x: Tensor, is_pretrained: bool) -> Tensor:
    if nn.channels(x) != 3:
        return _scale(x, is_pretrained)
    mean, variance = [0.485, 0.456, 0.406], [0.229**2, 0.224**2, 0.225**2]
    normalization = layers.Normalization(nn.channel_axis(), mean, variance)
    return nn.chain(x, layers.Rescaling(1 / 255), normalization)


def _create(
    row: Architecture,
    include_top: bool = True,
    weights: Weights = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: PartialShape | None = None,
    pooling: nn.Pooling = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    include_preprocessing: bool = True,
    name: str | None = None,
) -> Model:
    return build(row, Options.of(locals()))


_efficientnet = partial(
    family(_create, __name__, "EfficientNetV2{}", "efficientnetv2-{}"),
    body=_body,
    file="efficientnet_v2/{name}.h5",
    head=head(0.2),
    pool=partial(nn.pooled, is_named=True),
)
_base = partial(_efficientnet, sizes=_B, stem=32, scale=_normalize)
_large = partial(_efficientnet, scale=_scale)
EfficientNetV2B0 = _base("B0")
EfficientNetV2B1 = _base("B1", size=240, depth=1.1)
EfficientNetV2B2 = _base("B2", size=260, width=1.1, depth=1.2)
EfficientNetV2B3 = _base("B3", size=300, width=1.2, depth=1.4)
EfficientNetV2S = _large("S", size=384, sizes=_S, stem=24)
EfficientNetV2M = _large("M", size=480, sizes=_M, stem=24)
EfficientNetV2L = _large("L", size=480, sizes=_L, stem=32)
