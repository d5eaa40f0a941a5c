"""MobileNet V2: residual blocks that are wide inside and narrow outside."""

from __future__ import annotations

from functools import partial

from lamina import layers
from lamina.applications.architecture import Architecture, Options, Weights
from lamina.applications.blocks import (
    Pooling,
    chain,
    channels,
    classifier,
    conv,
    depthwise,
    divisible,
    height_and_width,
    norm,
)
from lamina.applications.build import build, check, variant
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_tf as preprocess_input
from lamina.applications.inputs import (
    pretrained_size,
    require_equal_width,
    require_pretrained,
    square_size,
)
from lamina.core.graph import SymbolicTensor
from lamina.layers import Layer
from lamina.models import Model
from lamina.typing import ActivationLike, PartialShape

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]


_SIZES = (96, 128, 160, 192, 224)
# The filters, the stride of the first block, and the number of blocks of each stage.
_STAGES = (
    (16, 1, 1),
    (24, 2, 2),
    (32, 2, 3),
    (64, 2, 4),
    (96, 1, 3),
    (160, 2, 3),
    (320, 1, 1),
)
_norm = partial(norm, momentum=0.999)


def _activated(name: str) -> tuple[Layer, Layer]:
    return _norm(f"{name}_BN"), layers.ReLU(6.0, name=f"{name}_relu")


def _block(x: SymbolicTensor, filters: int, stride: int, index: int) -> SymbolicTensor:
    name, inputs = f"block_{index}_" if index else "expanded_conv_", x
    if index:
        expand = conv(6 * channels(x), name=f"{name}expand")
        x = chain(x, expand, *_activated(f"{name}expand"))
    x = depthwise(x, 3, stride, f"{name}pad", name=f"{name}depthwise")
    x = chain(
        x,
        *_activated(f"{name}depthwise"),
        conv(filters, name=f"{name}project"),
        _norm(f"{name}project_BN"),
    )
    if stride == 1 and channels(inputs) == filters:
        x = layers.Add(name=f"{name}add")([inputs, x])
    return x


def _body(x: SymbolicTensor, alpha: float) -> SymbolicTensor:
    x = chain(
        x,
        conv(divisible(32 * alpha), 3, 2, name="Conv1"),
        _norm("bn_Conv1"),
        layers.ReLU(6.0, name="Conv1_relu"),
    )
    index = 0
    for filters, first_stride, count in _STAGES:
        for stride in (first_stride, *[1] * (count - 1)):
            x = _block(x, divisible(int(filters * alpha)), stride, index)
            index += 1
    last = divisible(1280 * alpha) if alpha > 1 else 1280
    return chain(
        x,
        conv(last, padding="valid", name="Conv_1"),
        _norm("Conv_1_bn"),
        layers.ReLU(6.0, name="out_relu"),
    )


def _mobilenet(
    row: Architecture,
    input_shape: PartialShape | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: Weights = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    pooling: Pooling = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Model:
    options = Options.of(locals())
    require_equal_width(row, options)
    known = options.input_shape or getattr(input_tensor, "shape", None)
    row = row._replace(
        body=partial(_body, alpha=alpha), size=square_size(known, _SIZES) or row.size
    )
    shape = check(row, options)
    size = height_and_width(shape)[0]
    if options.is_pretrained:
        values = [0.35, 0.5, 0.75, 1.0, 1.3, 1.4]
        require_pretrained(row, "alpha", alpha, values)
        size = pretrained_size(row, shape, _SIZES)
        file = f"weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{size}.h5"
        row = row._replace(file=f"mobilenet_v2/mobilenet_v2_{file}")
    return build(row._replace(name=f"mobilenetv2_{alpha:0.2f}_{size}"), options, shape)


MobileNetV2 = variant(
    _mobilenet,
    Architecture(
        title="MobileNetV2",
        name="",
        module="mobilenet_v2",
        paper="MobileNetV2: Inverted Residuals and Linear Bottlenecks, "
        "https://arxiv.org/abs/1801.04381",
        body=_body,
        suffix="_no_top",
        head=partial(classifier, pool_name=None),
    ),
    alpha="factor of the number of filters.",
    name="name of the model; made from `alpha` and the size by default.",
)
