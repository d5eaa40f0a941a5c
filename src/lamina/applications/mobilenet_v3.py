"""MobileNet V3: blocks of MobileNet V2 with squeeze and excitation.

Searching for MobileNetV3, https://arxiv.org/abs/1905.02244
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from lamina import layers, ops
from lamina.applications import nn
from lamina.applications.architecture import Architecture, Options, Weights
from lamina.applications.build import Tensor, build, family
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_nothing as preprocess_input
from lamina.models import Model
from lamina.typing import ActivationLike, PartialShape

__all__ = ["MobileNetV3Large", "MobileNetV3Small"]
__all__ += ["decode_predictions", "preprocess_input"]


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
    *(_relu(1, 16, 2, squeeze_excite=True), _relu(72 / 16, 24, 2), _relu(88 / 24, 24)),
    *(_wide(4, 40, 2), *[_wide(6, 40)] * 2, *[_wide(3, 48)] * 2),
    *(_wide(6, 96, 2), *[_wide(6, 96)] * 2),
)
_LARGE = (
    *(_relu(1, 16), _relu(4, 24, 2), _relu(3, 24)),
    *(_wide(3, 40, 2, activation="relu"), *[_wide(3, 40, activation="relu")] * 2),
    *(_Block(6, 80, 2), _Block(2.5, 80), *[_Block(2.3, 80)] * 2),
    *([_Block(6, 112, squeeze_excite=True)] * 2),
    *(_wide(6, 160, 2), *[_wide(6, 160)] * 2),
)


def _normed(name: str, activation: str | None = None) -> tuple[nn.Step, ...]:
    """Return a normalization and, if named, an activation."""
    layer = nn.norm(name, momentum=0.999)
    return (layer,) if activation is None else (layer, _activation(activation))


def _activation(name: str) -> nn.Step:
    return layers.ReLU() if name == "relu" else layers.Activation(name)


def _squeeze_excite(x: Tensor, filters: int, name: str) -> Tensor:
    """Multiply the channels by weights that are computed from their averages."""
    weights = nn.chain(
        x,
        layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool"),
        nn.conv(nn.divisible(filters / 4), use_bias=True, name=f"{name}_conv"),
        layers.ReLU(name=f"{name}_relu"),
        nn.conv(filters, use_bias=True, name=f"{name}_conv_1"),
    )
    weights = ops.multiply(layers.ReLU(6.0)(ops.add(weights, 3.0)), 1 / 6)
    return layers.Multiply(name=f"{name}_mul")([x, weights])


def _block(x: Tensor, spec: _Block, alpha: float, index: int) -> Tensor:
    inputs, name = x, f"expanded_conv_{index}_" if index else "expanded_conv_"
    filters, inside = nn.divisible(spec.filters * alpha), nn.channels(x)
    if index:
        inside = nn.divisible(inside * spec.expansion)
        expand = nn.conv(inside, name=f"{name}expand")
        x = nn.chain(x, expand, *_normed(f"{name}expand_bn", spec.activation))
    spatial = f"{name}depthwise"
    x = nn.depthwise(x, spec.size, spec.stride, f"{spatial}_pad", name=spatial)
    x = nn.chain(x, *_normed(f"{spatial}_bn", spec.activation))
    if spec.squeeze_excite:
        x = _squeeze_excite(x, nn.divisible(inside), f"{name}squeeze_excite")
    project = nn.conv(filters, name=f"{name}project")
    x = nn.chain(x, project, *_normed(f"{name}project_bn"))
    if spec.stride == 1 and nn.channels(inputs) == filters:
        x = layers.Add(name=f"{name}add")([inputs, x])
    return x


def _body(x: Tensor, blocks: tuple[_Block, ...], alpha: float, minimal: bool) -> Tensor:
    outer = "relu" if minimal else "hard_swish"
    x = nn.chain(x, nn.conv(16, 3, 2, name="conv"), *_normed("conv_bn", outer))
    for i, spec in enumerate(blocks):
        x = _block(x, _relu(*spec[:3]) if minimal else spec, alpha, i)
    top = nn.conv(nn.divisible(6 * nn.channels(x)), name="conv_1")
    return nn.chain(x, top, *_normed("conv_1_bn", outer))


def _head(
    x: Tensor,
    classes: int,
    activation: ActivationLike,
    *,
    filters: int,
    alpha: float,
    minimal: bool,
    dropout: float,
) -> Tensor:
    filters = nn.divisible(filters * alpha) if alpha > 1 else filters
    return nn.chain(
        x,
        layers.GlobalAveragePooling2D(keepdims=True),
        nn.conv(filters, use_bias=True, name="conv_2"),
        _activation("relu" if minimal else "hard_swish"),
        *([layers.Dropout(dropout)] if dropout > 0 else []),
        nn.conv(classes, use_bias=True, name="logits"),
        layers.Flatten(),
        layers.Activation(activation, name="predictions"),
    )


def _scale(x: Tensor, _: bool) -> Tensor:
    return layers.Rescaling(1 / 127.5, -1.0)(x)


def _create(
    row: Architecture,
    input_shape: PartialShape | None = None,
    alpha: float = 1.0,
    minimalistic: bool = False,
    include_top: bool = True,
    weights: Weights = "imagenet",
    input_tensor: Tensor | None = None,
    classes: int = 1000,
    pooling: nn.Pooling = None,
    dropout_rate: float = 0.2,
    classifier_activation: ActivationLike = "softmax",
    include_preprocessing: bool = True,
    name: str | None = None,
) -> Model:
    """Build a model.

    Args:
        input_shape: shape of one image, (None, None, 3) by default; at least
            {row.min_size} pixels high and wide.
        alpha: factor of the number of filters.
        minimalistic: whether to use only 3x3 windows and ReLUs, and no squeeze and
            excitation.
        dropout_rate: fraction of the features that the classifier drops in training.
    """
    options = Options.of(locals())
    options.require_equal_width(row)
    if input_shape is None and isinstance(input_tensor, Tensor):
        options = options._replace(input_shape=input_tensor.shape[1:])
    values = {"alpha": [1.0] if minimalistic else [0.75, 1.0]}
    shape, _ = options.check_sizes(row, None, [224], values)
    kind = "_minimalistic" * minimalistic
    common = {"alpha": alpha, "minimal": minimalistic}
    row = row._replace(
        body=partial(row.body, **common),
        head=partial(row.head, dropout=dropout_rate, **common),
        file=f"{row.file}{kind}_224_{float(alpha)}_float.h5",
    )
    return build(row, options, shape)


_mobilenet = partial(
    family(_create, __name__, "MobileNetV3{}", "{title}"),
    body=_body,
    file="mobilenet_v3/weights_mobilenet_v3_{}",
    suffix="_no_top_v2",
    fixed_size=False,
    scale=_scale,
    pool=partial(nn.pooled, is_named=True),
)
MobileNetV3Small = _mobilenet("Small", blocks=_SMALL, head=partial(_head, filters=1024))
MobileNetV3Large = _mobilenet("Large", blocks=_LARGE, head=partial(_head, filters=1280))
