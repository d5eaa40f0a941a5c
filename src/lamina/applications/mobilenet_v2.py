"""MobileNet V2: residual blocks that are wide inside and narrow outside."""

from __future__ import annotations

from functools import partial

from lamina.applications.architecture import (
    Architecture,
    Options,
    Pooling,
    build,
    checked_shape,
    classifier,
    variant,
)
from lamina.applications.blocks import (
    Step,
    chain,
    channels,
    conv,
    depthwise,
    divisible,
    norm,
    pad_before_stride,
)
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_tf as preprocess_input
from lamina.applications.inputs import height_and_width, require_equal_width
from lamina.applications.mobilenet import (
    pretrained_size,
    require_pretrained,
    square_size,
)
from lamina.applications.weights import WeightFiles, Weights
from lamina.core.graph import SymbolicTensor
from lamina.layers import Add, ReLU
from lamina.models import Model
from lamina.typing import ActivationLike, PartialShape

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]


def __dir__() -> list[str]:
    return __all__


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


def _units(layer: Step, name: str) -> tuple[Step, ...]:
    return layer, _norm(f"{name}_BN"), ReLU(6.0, name=f"{name}_relu")


def _block(x: SymbolicTensor, filters: int, stride: int, index: int) -> SymbolicTensor:
    name, inputs = f"block_{index}_" if index else "expanded_conv_", x
    if index:
        expand = conv(6 * channels(x), name=f"{name}expand")
        x = chain(x, *_units(expand, f"{name}expand"))
    if stride == 2:
        x = pad_before_stride(x, 3, f"{name}pad")
    padding = "same" if stride == 1 else "valid"
    x = chain(
        x,
        *_units(
            depthwise(3, stride, padding, name=f"{name}depthwise"), f"{name}depthwise"
        ),
        conv(filters, name=f"{name}project"),
        _norm(f"{name}project_BN"),
    )
    if stride == 1 and channels(inputs) == filters:
        x = Add(name=f"{name}add")([inputs, x])
    return x


def _body(x: SymbolicTensor, alpha: float) -> SymbolicTensor:
    x = chain(
        x,
        conv(divisible(32 * alpha), 3, 2, name="Conv1"),
        _norm("bn_Conv1"),
        ReLU(6.0, name="Conv1_relu"),
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
        ReLU(6.0, name="out_relu"),
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
    inputs = input_tensor, input_shape
    head = pooling, classes, classifier_activation
    options = Options(include_top, weights, *inputs, *head, name)
    require_equal_width(row.title, *inputs)
    known = input_shape or getattr(input_tensor, "shape", None)
    row = row._replace(
        body=partial(_body, alpha=alpha), size=square_size(known, _SIZES) or row.size
    )
    shape = checked_shape(row, options)
    size = height_and_width(shape)[0]
    if options.is_pretrained:
        values = [0.35, 0.5, 0.75, 1.0, 1.3, 1.4]
        require_pretrained(row.title, "alpha", alpha, values)
        size = pretrained_size(row.title, shape, _SIZES)
        address = row.files.address.replace("1.0_224", f"{float(alpha)}_{size}")
        row = row._replace(files=row.files._replace(address=address))
    row = row._replace(name=f"mobilenetv2_{alpha:0.2f}_{size}")
    return build(row, options, shape)


MobileNetV2 = variant(
    _mobilenet,
    Architecture(
        title="MobileNetV2",
        name="mobilenetv2",
        module="mobilenet_v2",
        paper="MobileNetV2: Inverted Residuals and Linear Bottlenecks, "
        "https://arxiv.org/abs/1801.04381",
        body=partial(_body, alpha=1.0),
        files=WeightFiles(
            "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
            suffix="_no_top",
        ),
        head=classifier(None),
    ),
    default_name=None,
    alpha="factor of the number of filters.",
    name="name of the model; made from `alpha` and the size by default.",
)
