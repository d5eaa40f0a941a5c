"""Inception-ResNet V2: Inception blocks whose scaled result is added to their input.

Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning,
https://arxiv.org/abs/1602.07261
"""

from __future__ import annotations

from lamina.applications import nn
from lamina.applications.build import Tensor, family, standard
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_tf as preprocess_input
from lamina.applications.inception_v3 import block_a, halving, maximum, stem, unit
from lamina.layers.scaling import CustomScaleLayer

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]


# The paths of the three kinds of residual blocks.
_PATHS: dict[str, tuple[tuple[nn.Step, ...], ...]] = {
    "block35": (
        (unit(32),),
        (unit(32), unit(32, 3)),
        (unit(32), unit(48, 3), unit(64, 3)),
    ),
    "block17": ((unit(192),), (unit(128), unit(160, (1, 7)), unit(192, (7, 1)))),
    "block8": ((unit(192),), (unit(192), unit(224, (1, 3)), unit(256, (3, 1)))),
}


def _residual(
    x: Tensor, kind: str, index: int, scale: float, is_activated: bool = True
) -> Tensor:
    name = f"{kind}_{index}"
    mixed = nn.branches(x, f"{name}_mixed", *_PATHS[kind])
    added = nn.conv(nn.channels(x), use_bias=True, name=f"{name}_conv")(mixed)
    x = CustomScaleLayer(scale)([x, added])
    return nn.relu(f"{name}_ac")(x) if is_activated else x


def _body(x: Tensor) -> Tensor:
    x = block_a(stem(x), 64, "mixed_5b", first=96)
    for i in range(1, 11):
        x = _residual(x, "block35", i, 0.17)
    path = (unit(256), unit(256, 3), halving(384))
    x = nn.branches(x, "mixed_6a", (halving(384),), path, (maximum,))
    for i in range(1, 21):
        x = _residual(x, "block17", i, 0.1)
    x = nn.branches(
        x,
        "mixed_7a",
        (unit(256), halving(384)),
        (unit(256), halving(288)),
        (unit(256), unit(288, 3), halving(320)),
        (maximum,),
    )
    for i in range(1, 10):
        x = _residual(x, "block8", i, 0.2)
    x = _residual(x, "block8", 10, 1.0, is_activated=False)
    last = nn.conv(1536, name="conv_7b")
    return nn.chain(x, last, nn.norm("conv_7b_bn", scale=False), nn.relu("conv_7b_ac"))


InceptionResNetV2 = family(
    standard, __name__, "InceptionResNetV2", "inception_resnet_v2"
)(
    body=_body,
    size=299,
    min_size=75,
)
