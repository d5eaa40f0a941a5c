"""MobileNet V2: residual blocks that are wide inside and narrow outside.

MobileNetV2: Inverted Residuals and Linear Bottlenecks, https://arxiv.org/abs/1801.04381
"""

from __future__ import annotations

from functools import partial

from lamina import layers
from lamina.applications import nn
from lamina.applications.architecture import Architecture, Options, Weights
from lamina.applications.build import Tensor, build, family
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_tf as preprocess_input
from lamina.models import Model
from lamina.typing import ActivationLike, PartialShape

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

# The filters, the stride of the first block, and the number of blocks of each stage.
_STAGES = (
    *((16, 1, 1), (24, 2, 2), (32, 2, 3), (64, 2, 4)),
    *((96, 1, 3), (160, 2, 3), (320, 1, 1)),
)
# What there are weights of ImageNet for.
_SIZES = (96, 128, 160, 192, 224)
_VALUES = {"alpha": [0.35, 0.5, 0.75, 1.0, 1.3, 1.4]}


def _activated(norm: str, relu: str) -> tuple[nn.Step, nn.Step]:
    return nn.norm(norm, momentum=0.999), layers.ReLU(6.0, name=relu)


def _block(x: Tensor, filters: int, stride: int, index: int) -> Tensor:
    name, inputs = f"block_{index}_" if index else "expanded_conv_", x
    if index:
        part = f"{name}expand"
        expand = nn.conv(6 * nn.channels(x), name=part)
        x = nn.chain(x, expand, *_activated(f"{part}_BN", f"{part}_relu"))
    part = f"{name}depthwise"
    x = nn.chain(
        nn.depthwise(x, 3, stride, f"{name}pad", name=part),
        *_activated(f"{part}_BN", f"{part}_relu"),
        nn.conv(filters, name=f"{name}project"),
        nn.norm(f"{name}project_BN", momentum=0.999),
    )
    if stride == 1 and nn.channels(inputs) == filters:
        x = layers.Add(name=f"{name}add")([inputs, x])
    return x


def _body(x: Tensor, alpha: float) -> Tensor:
    first = nn.conv(nn.divisible(32 * alpha), 3, 2, name="Conv1")
    x = nn.chain(x, first, *_activated("bn_Conv1", "Conv1_relu"))
    index = 0
    for filters, first_stride, count in _STAGES:
        for stride in (first_stride, *[1] * (count - 1)):
            x = _block(x, nn.divisible(int(filters * alpha)), stride, index)
            index += 1
    width = nn.divisible(1280 * alpha) if alpha > 1 else 1280
    last = nn.conv(width, padding="valid", name="Conv_1")
    return nn.chain(x, last, *_activated("Conv_1_bn", "out_relu"))


def _create(
    row: Architecture,
    input_shape: PartialShape | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Weights = "imagenet",
    input_tensor: Tensor | None = None,
    pooling: nn.Pooling = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Model:
    """Build a model.

    Args:
        alpha: factor of the number of filters.
        name: name of the model; made from `alpha` and the size by default.
    """
    options = Options.of(locals())
    options.require_equal_width(row)
    known = options.input_shape or getattr(input_tensor, "shape", None)
    shape, size = options.check_sizes(row, known, _SIZES, _VALUES)
    file = f"weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{size}.h5"
    row = row._replace(
        name=f"mobilenetv2_{alpha:0.2f}_{size}",
        body=partial(_body, alpha=alpha),
        file=f"mobilenet_v2/mobilenet_v2_{file}",
    )
    return build(row, options, shape)


MobileNetV2 = family(_create, __name__, "MobileNetV2", "")(
    body=_body,
    suffix="_no_top",
    head=partial(nn.classifier, pool_name=None),
)
