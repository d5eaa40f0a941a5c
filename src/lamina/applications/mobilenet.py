"""MobileNet: depthwise convolutions, each followed by a pointwise one.

MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications,
https://arxiv.org/abs/1704.04861
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

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

# The filters and the stride of each block.
_BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *(*[(512, 1)] * 5, (1024, 2), (1024, 1)),
)
# What there are weights of ImageNet for.
_SIZES = (128, 160, 192, 224)
_VALUES = {"depth_multiplier": [1], "alpha": [0.25, 0.5, 0.75, 1.0]}


def _units(name: str, layer: nn.Step) -> tuple[nn.Step, ...]:
    return layer, nn.norm(f"{name}_bn"), layers.ReLU(6.0, name=f"{name}_relu")


def _block(x: Tensor, filters: int, stride: int, depth: int, index: int) -> Tensor:
    padding = "same"
    if stride > 1:
        x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{index}")(x)
        padding = "valid"
    first, second = f"conv_dw_{index}", f"conv_pw_{index}"
    shape = 3, stride, padding, depth
    spatial = layers.DepthwiseConv2D(*shape, use_bias=False, name=first)
    pointwise = nn.conv(filters, name=second)
    return nn.chain(x, *_units(first, spatial), *_units(second, pointwise))


def _body(x: Tensor, alpha: float, depth: int) -> Tensor:
    first = nn.conv(int(32 * alpha), 3, 2, name="conv1")
    x = nn.chain(x, *_units("conv1", first))
    for i, (filters, stride) in enumerate(_BLOCKS, 1):
        x = _block(x, int(filters * alpha), stride, depth, i)
    return x


def _head(x: Tensor, classes: int, activation: ActivationLike, rate: float) -> Tensor:
    return nn.chain(
        x,
        layers.GlobalAveragePooling2D(keepdims=True),
        layers.Dropout(rate, name="dropout"),
        nn.conv(classes, use_bias=True, name="conv_preds"),
        layers.Reshape((classes,), name="reshape_2"),
        layers.Activation(activation, name="predictions"),
    )


def _create(
    row: Architecture,
    input_shape: PartialShape | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
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
        depth_multiplier: number of outputs of a depthwise convolution for each channel.
        dropout: fraction of the features that the classifier drops in training.
        name: name of the model; made from `alpha` and the size by default.
    """
    options = Options.of(locals())
    shape, size = options.check_sizes(row, options.input_shape, _SIZES, _VALUES)
    width = "1_0" if alpha == 1 else f"{alpha * 10:.1f}".replace(".", "_")
    row = row._replace(
        name=f"mobilenet_{alpha:0.2f}_{size}",
        body=partial(_body, alpha=alpha, depth=depth_multiplier),
        file=f"mobilenet/mobilenet_{width}_{size}_tf.h5",
        head=partial(_head, rate=dropout),
    )
    return build(row, options, shape)


MobileNet = family(_create, __name__, "MobileNet", "")(body=_body, suffix="_no_top")
