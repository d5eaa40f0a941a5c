"""MobileNet V3: blocks of MobileNet V2 with squeeze and excitation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from lamina import layers, ops
from lamina.applications.architecture import Architecture, Options, Weights
from lamina.applications.blocks import (
    Pooling,
    Step,
    chain,
    channels,
    conv,
    depthwise,
    divisible,
    norm,
    pooled,
)
from lamina.applications.build import build, check, variant
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_nothing as preprocess_input
from lamina.applications.inputs import (
    pretrained_size,
    require_equal_width,
    require_pretrained,
)
from lamina.core.graph import SymbolicTensor
from lamina.models import Model
from lamina.typing import ActivationLike, PartialShape

__all__ = [
    "MobileNetV3Large",
    "MobileNetV3Small",
    "decode_predictions",
    "preprocess_input",
]


class _Block(NamedTuple):
    """Arguments of a block; those of minimalistic models end with `stride`.

    Args:
        expansion: factor of the number of channels inside.
        filters: number of outputs.
        stride: stride of the depthwise convolution.
        size: height and width of its windows.
        squeeze_excite: whether channels are multiplied by computed weights.
        activation: activation function.
    """

    expansion: float
    filters: int
    stride: int = 1
    size: int = 3
    squeeze_excite: bool = False
    activation: str = "hard_swish"


_relu = partial(_Block, activation="relu")
_wide = partial(_Block, size=5, squeeze_excite=True)
_SMALL = (
    _relu(1, 16, 2, squeeze_excite=True),
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
    *[_Block(6, 112, squeeze_excite=True)] * 2,
    _wide(6, 160, 2),
    *[_wide(6, 160)] * 2,
)
_norm = partial(norm, momentum=0.999)


def _activation(name: str) -> Step:
    return layers.ReLU() if name == "relu" else layers.Activation(name)


def _squeeze_excite(x: SymbolicTensor, filters: int, name: str) -> SymbolicTensor:
    """Multiply the channels by weights that are computed from their averages."""
    weights = chain(
        x,
        layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool"),
        conv(divisible(filters / 4), use_bias=True, name=f"{name}_conv"),
        layers.ReLU(name=f"{name}_relu"),
        conv(filters, use_bias=True, name=f"{name}_conv_1"),
    )
    weights = ops.multiply(layers.ReLU(6.0)(ops.add(weights, 3.0)), 1 / 6)
    return layers.Multiply(name=f"{name}_mul")([x, weights])


def _block(x: SymbolicTensor, spec: _Block, alpha: float, index: int) -> SymbolicTensor:
    inputs, name = x, f"expanded_conv_{index}_" if index else "expanded_conv_"
    filters, inside = divisible(spec.filters * alpha), channels(x)
    if index:
        inside = divisible(inside * spec.expansion)
        expand = conv(inside, name=f"{name}expand"), _norm(f"{name}expand_bn")
        x = chain(x, *expand, _activation(spec.activation))
    spatial = f"{name}depthwise"
    x = depthwise(x, spec.size, spec.stride, f"{spatial}_pad", name=spatial)
    x = chain(x, _norm(f"{spatial}_bn"), _activation(spec.activation))
    if spec.squeeze_excite:
        x = _squeeze_excite(x, divisible(inside), f"{name}squeeze_excite")
    x = chain(x, conv(filters, name=f"{name}project"), _norm(f"{name}project_bn"))
    if spec.stride == 1 and channels(inputs) == filters:
        x = layers.Add(name=f"{name}add")([inputs, x])
    return x


def _body(
    x: SymbolicTensor, blocks: Sequence[_Block], alpha: float, minimalistic: bool
) -> SymbolicTensor:
    last = "relu" if minimalistic else "hard_swish"
    x = chain(x, conv(16, 3, 2, name="conv"), _norm("conv_bn"), _activation(last))
    for i, spec in enumerate(blocks):
        if minimalistic:
            spec = _relu(*spec[:3])
        x = _block(x, spec, alpha, i)
    top = conv(divisible(6 * channels(x)), name="conv_1")
    return chain(x, top, _norm("conv_1_bn"), _activation(last))


def _head(
    x: SymbolicTensor,
    classes: int,
    activation: ActivationLike,
    filters: int,
    alpha: float,
    minimalistic: bool,
    dropout: float,
) -> SymbolicTensor:
    filters = divisible(filters * alpha) if alpha > 1 else filters
    return chain(
        x,
        layers.GlobalAveragePooling2D(keepdims=True),
        conv(filters, use_bias=True, name="conv_2"),
        _activation("relu" if minimalistic else "hard_swish"),
        *([layers.Dropout(dropout)] if dropout > 0 else []),
        conv(classes, use_bias=True, name="logits"),
        layers.Flatten(),
        layers.Activation(activation, name="predictions"),
    )


def _scale(x: SymbolicTensor, _: bool) -> SymbolicTensor:
    return layers.Rescaling(1 / 127.5, -1.0)(x)


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
    options = Options.of(locals())
    require_equal_width(row, options)
    if input_shape is None and isinstance(input_tensor, SymbolicTensor):
        options = options._replace(input_shape=input_tensor.shape[1:])
    shape = check(row, options)
    if options.is_pretrained:
        values = [1.0] if minimalistic else [0.75, 1.0]
        require_pretrained(row, "alpha", alpha, values)
        pretrained_size(row, shape, [224])
    kind = (
        row.title.removeprefix("MobileNetV3").lower() + "_minimalistic" * minimalistic
    )
    row = row._replace(
        body=partial(row.body, alpha=alpha, minimalistic=minimalistic),
        head=partial(
            row.head, alpha=alpha, minimalistic=minimalistic, dropout=dropout_rate
        ),
        file=f"mobilenet_v3/weights_mobilenet_v3_{kind}_224_{float(alpha)}_float.h5",
    )
    return build(row, options, shape)


def _architecture(title: str, blocks: Sequence[_Block], filters: int) -> Architecture:
    return Architecture(
        title=title,
        name=title,
        module="mobilenet_v3",
        paper="Searching for MobileNetV3, https://arxiv.org/abs/1905.02244",
        body=partial(_body, blocks=blocks),
        suffix="_no_top_v2",
        fixed_size=False,
        scale=_scale,
        head=partial(_head, filters=filters),
        pool=partial(pooled, is_named=True),
    )


_variant = partial(
    variant,
    _mobilenet,
    alpha="factor of the number of filters.",
    minimalistic="whether to use only 3x3 windows and ReLUs, and no squeeze and "
    "excitation.",
    dropout_rate="fraction of the features that the classifier drops in training.",
    input_shape="shape of one image, (None, None, 3) by default; at least {min_size} "
    "pixels high and wide.",
)
MobileNetV3Small = _variant(_architecture("MobileNetV3Small", _SMALL, 1024))
MobileNetV3Large = _variant(_architecture("MobileNetV3Large", _LARGE, 1280))
