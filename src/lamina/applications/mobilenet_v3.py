"""MobileNet V3: blocks of MobileNet V2 that also weight their channels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from lamina import ops
from lamina.applications.architecture import (
    Architecture,
    Head,
    Options,
    Pooling,
    build,
    check,
    named_pooling,
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
from lamina.applications.imagenet_utils import preprocess_nothing as preprocess_input
from lamina.applications.inputs import (
    ImageInput,
    ImageShape,
    image_shape,
    require_equal_width,
)
from lamina.applications.mobilenet import pretrained_size, require_pretrained
from lamina.applications.weights import WeightFiles, Weights
from lamina.core.graph import SymbolicTensor
from lamina.layers import (
    Activation,
    Add,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Multiply,
    ReLU,
    Rescaling,
)
from lamina.models import Model
from lamina.typing import ActivationLike, PartialShape

__all__ = [
    "MobileNetV3Large",
    "MobileNetV3Small",
    "decode_predictions",
    "preprocess_input",
]


def __dir__() -> list[str]:
    return __all__


class _Block(NamedTuple):
    """A block: factor of the width inside, filters, and three features.

    Minimalistic models have windows of 3x3 pixels, do not weight channels, and have
    ReLUs only.
    """

    expansion: float
    filters: int
    stride: int = 1
    size: int = 3
    weights_channels: bool = False
    activation: str = "hard_swish"


_relu = partial(_Block, activation="relu")
_wide = partial(_Block, size=5, weights_channels=True)
_SMALL = (
    _relu(1, 16, 2, weights_channels=True),
    _relu(72 / 16, 24, 2),
    _relu(88 / 24, 24),
    _wide(4, 40, 2),
    *[_wide(6, 40)] * 2,
    *[_wide(3, 48)] * 2,
    _wide(6, 96, 2),
    *[_wide(6, 96)] * 2,
)
_LARGE = (
    _relu(1, 16),
    _relu(4, 24, 2),
    _relu(3, 24),
    _wide(3, 40, 2, activation="relu"),
    *[_wide(3, 40, activation="relu")] * 2,
    _Block(6, 80, 2),
    _Block(2.5, 80),
    *[_Block(2.3, 80)] * 2,
    *[_Block(6, 112, weights_channels=True)] * 2,
    _wide(6, 160, 2),
    *[_wide(6, 160)] * 2,
)
_norm = partial(norm, momentum=0.999)


def _activation(name: str) -> Step:
    return ReLU() if name == "relu" else Activation(name)


def _weighted(x: SymbolicTensor, filters: int, name: str) -> SymbolicTensor:
    """Multiply the channels by weights computed from their averages."""
    weights = chain(
        x,
        GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool"),
        conv(divisible(filters / 4), use_bias=True, name=f"{name}_conv"),
        ReLU(name=f"{name}_relu"),
        conv(filters, use_bias=True, name=f"{name}_conv_1"),
    )
    weights = ops.multiply(ReLU(6.0)(ops.add(weights, 3.0)), 1 / 6)
    return Multiply(name=f"{name}_mul")([x, weights])


def _block(x: SymbolicTensor, spec: _Block, alpha: float, index: int) -> SymbolicTensor:
    inputs, name = x, f"expanded_conv_{index}_" if index else "expanded_conv_"
    filters, inside = divisible(spec.filters * alpha), channels(x)
    if index:
        inside = divisible(inside * spec.expansion)
        expand = conv(inside, name=f"{name}expand"), _norm(f"{name}expand_bn")
        x = chain(x, *expand, _activation(spec.activation))
    if spec.stride == 2:
        x = pad_before_stride(x, spec.size, f"{name}depthwise_pad")
    padding = "same" if spec.stride == 1 else "valid"
    x = chain(
        x,
        depthwise(spec.size, spec.stride, padding, name=f"{name}depthwise"),
        _norm(f"{name}depthwise_bn"),
        _activation(spec.activation),
    )
    if spec.weights_channels:
        x = _weighted(x, divisible(inside), f"{name}squeeze_excite")
    x = chain(x, conv(filters, name=f"{name}project"), _norm(f"{name}project_bn"))
    if spec.stride == 1 and channels(inputs) == filters:
        x = Add(name=f"{name}add")([inputs, x])
    return x


def _body(
    x: SymbolicTensor,
    blocks: Sequence[_Block],
    alpha: float = 1.0,
    minimalistic: bool = False,
) -> SymbolicTensor:
    last = "relu" if minimalistic else "hard_swish"
    x = chain(x, conv(16, 3, 2, name="conv"), _norm("conv_bn"), _activation(last))
    for i, spec in enumerate(blocks):
        if minimalistic:
            spec = _relu(*spec[:3])
        x = _block(x, spec, alpha, i)
    top = conv(divisible(6 * channels(x)), name="conv_1")
    return chain(x, top, _norm("conv_1_bn"), _activation(last))


def _head(filters: int, alpha: float, minimalistic: bool, dropout: float) -> Head:
    filters = divisible(filters * alpha) if alpha > 1 else filters

    def head(
        x: SymbolicTensor, classes: int, activation: ActivationLike
    ) -> SymbolicTensor:
        return chain(
            x,
            GlobalAveragePooling2D(keepdims=True),
            conv(filters, use_bias=True, name="conv_2"),
            _activation("relu" if minimalistic else "hard_swish"),
            *([Dropout(dropout)] if dropout > 0 else []),
            conv(classes, use_bias=True, name="logits"),
            Flatten(),
            Activation(activation, name="predictions"),
        )

    return head


def _scale(x: SymbolicTensor, is_pretrained: bool) -> SymbolicTensor:
    del is_pretrained
    return Rescaling(1 / 127.5, -1.0)(x)


def _shape(row: Architecture, options: Options) -> ImageShape:
    """Return the shape of one image: any size, as no layer depends on it."""
    given, tensor = options.input_shape, options.input_tensor
    require_equal_width(row.title, tensor, given)
    if given is None and tensor is not None:
        given = tensor.shape[1:]
    found = tuple(image_shape(None, None, 3) if given is None else given)
    images = ImageInput(row.title, row.size, row.min_size)
    images.check_size(found)
    return found


def _mobilenet(
    row: Architecture,
    input_shape: PartialShape | None = None,
    alpha: float = 1.0,
    minimalistic: bool = False,
    include_top: bool = True,
    weights: Weights = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    classes: int = 1000,
    pooling: Pooling = None,
    dropout_rate: float = 0.2,
    classifier_activation: ActivationLike = "softmax",
    include_preprocessing: bool = True,
    name: str | None = None,
) -> Model:
    inputs = input_tensor, input_shape
    head = pooling, classes, classifier_activation
    options = Options(include_top, weights, *inputs, *head, name, include_preprocessing)
    check(row, options)
    shape = _shape(row, options)
    if options.is_pretrained:
        require_pretrained(
            row.title, "alpha", alpha, [1.0] if minimalistic else [0.75, 1.0]
        )
        pretrained_size(row.title, shape, [224])
    kind, blocks, filters = _KINDS[row.title]
    row = row._replace(
        body=partial(_body, blocks=blocks, alpha=alpha, minimalistic=minimalistic),
        head=_head(filters, alpha, minimalistic, dropout_rate),
        files=_files(kind, alpha, minimalistic) if options.is_pretrained else row.files,
    )
    return build(row, options, shape)


# The name in files, the blocks, and the filters of the classifier.
_KINDS = {
    "MobileNetV3Small": ("small", _SMALL, 1024),
    "MobileNetV3Large": ("large", _LARGE, 1280),
}


def _files(kind: str, alpha: float = 1.0, minimalistic: bool = False) -> WeightFiles:
    name = f"{kind}{'_minimalistic' * minimalistic}_224_{float(alpha)}_float"
    address = f"mobilenet_v3/weights_mobilenet_v3_{name}.h5"
    return WeightFiles(address, "_no_top_v2")


def _architecture(title: str) -> Architecture:
    kind, blocks, filters = _KINDS[title]
    return Architecture(
        title=title,
        name=title,
        module="mobilenet_v3",
        paper="Searching for MobileNetV3, https://arxiv.org/abs/1905.02244",
        body=partial(_body, blocks=blocks),
        files=_files(kind),
        scale=_scale,
        head=_head(filters, 1.0, minimalistic=False, dropout=0.2),
        pool=named_pooling,
    )


_variant = partial(
    variant,
    _mobilenet,
    alpha="factor of the number of filters.",
    minimalistic="whether to use only 3x3 windows and ReLUs, and not weight channels.",
    dropout_rate="fraction of the features that the classifier drops in training.",
    input_shape="shape of one image, (None, None, 3) by default; at least {min_size} "
    "pixels high and wide.",
)
MobileNetV3Small = _variant(_architecture("MobileNetV3Small"))
MobileNetV3Large = _variant(_architecture("MobileNetV3Large"))
