"""MobileNet: depthwise convolutions, each followed by a pointwise one."""

from __future__ import annotations

from functools import partial

from lamina import layers
from lamina.applications.architecture import Architecture, Options, Weights
from lamina.applications.blocks import (
    Pooling,
    Step,
    chain,
    conv,
    height_and_width,
    norm,
)
from lamina.applications.build import build, check, variant
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_tf as preprocess_input
from lamina.applications.inputs import pretrained_size, require_pretrained, square_size
from lamina.core.graph import SymbolicTensor
from lamina.models import Model
from lamina.typing import ActivationLike, PartialShape

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]


_SIZES = (128, 160, 192, 224)
# The filters and the stride of each block.
_BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)


def _units(name: str, layer: Step) -> tuple[Step, ...]:
    return layer, norm(f"{name}_bn"), layers.ReLU(6.0, name=f"{name}_relu")


def _block(
    x: SymbolicTensor, filters: int, stride: int, depth_multiplier: int, index: int
) -> SymbolicTensor:
    padding = "same"
    if stride > 1:
        x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{index}")(x)
        padding = "valid"
    first, second = f"conv_dw_{index}", f"conv_pw_{index}"
    shape = 3, stride, padding, depth_multiplier
    spatial = layers.DepthwiseConv2D(*shape, use_bias=False, name=first)
    pointwise = conv(filters, name=second)
    return chain(x, *_units(first, spatial), *_units(second, pointwise))


def _body(x: SymbolicTensor, alpha: float, depth_multiplier: int) -> SymbolicTensor:
    first = conv(int(32 * alpha), 3, 2, name="conv1")
    x = chain(x, *_units("conv1", first))
    for i, (filters, stride) in enumerate(_BLOCKS, 1):
        x = _block(x, int(filters * alpha), stride, depth_multiplier, i)
    return x


def _head(
    x: SymbolicTensor, classes: int, activation: ActivationLike, dropout: float
) -> SymbolicTensor:
    return chain(
        x,
        layers.GlobalAveragePooling2D(keepdims=True),
        layers.Dropout(dropout, name="dropout"),
        conv(classes, use_bias=True, name="conv_preds"),
        layers.Reshape((classes,), name="reshape_2"),
        layers.Activation(activation, name="predictions"),
    )


def _mobilenet(
    row: Architecture,
    input_shape: PartialShape | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
    include_top: bool = True,
    weights: Weights = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    pooling: Pooling = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Model:
    options = Options.of(locals())
    row = row._replace(
        body=partial(_body, alpha=alpha, depth_multiplier=depth_multiplier),
        head=partial(_head, dropout=dropout),
        size=square_size(options.input_shape, _SIZES) or row.size,
    )
    shape = check(row, options)
    size = height_and_width(shape)[0]
    if options.is_pretrained:
        require_pretrained(row, "depth_multiplier", depth_multiplier, [1])
        require_pretrained(row, "alpha", alpha, [0.25, 0.5, 0.75, 1.0])
        size = pretrained_size(row, shape, _SIZES)
        width = "1_0" if alpha == 1 else f"{alpha * 10:.1f}".replace(".", "_")
        row = row._replace(file=f"mobilenet/mobilenet_{width}_{size}_tf.h5")
    return build(row._replace(name=f"mobilenet_{alpha:0.2f}_{size}"), options, shape)


MobileNet = variant(
    _mobilenet,
    Architecture(
        title="MobileNet",
        name="",
        module="mobilenet",
        paper="MobileNets: Efficient Convolutional Neural Networks for Mobile Vision "
        "Applications, https://arxiv.org/abs/1704.04861",
        body=_body,
        suffix="_no_top",
        head=_head,
    ),
    alpha="factor of the number of filters.",
    depth_multiplier="number of outputs of a depthwise convolution for each channel.",
    dropout="fraction of the features that the classifier drops in training.",
    name="name of the model; made from `alpha` and the size by default.",
)
