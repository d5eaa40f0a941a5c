"""MobileNet: depthwise convolutions, each followed by a pointwise one."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial

from lamina.applications.architecture import (
    Architecture,
    Head,
    Options,
    Pooling,
    build,
    checked_shape,
    variant,
)
from lamina.applications.blocks import Step, chain, conv, depthwise, norm
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_tf as preprocess_input
from lamina.applications.inputs import height_and_width
from lamina.applications.weights import WeightFiles, Weights
from lamina.core.graph import SymbolicTensor
from lamina.errors import LikelyMistakeWarning, invalid
from lamina.layers import (
    Activation,
    Dropout,
    GlobalAveragePooling2D,
    ReLU,
    Reshape,
    ZeroPadding2D,
)
from lamina.models import Model
from lamina.typing import ActivationLike, PartialShape

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]


def __dir__() -> list[str]:
    return __all__


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


def square_size(shape: PartialShape | None, sizes: Sequence[int]) -> int | None:
    """Return the size of square images if it is one of some sizes."""
    if shape is None or len(shape) < 3:
        return None
    height, width = height_and_width(shape)
    return height if height == width and height in sizes else None


def pretrained_size(owner: str, shape: PartialShape, sizes: Sequence[int]) -> int:
    """Return the size of the images that weights of ImageNet were trained on."""
    size = square_size(shape, sizes)
    if size is None and None not in shape:
        warnings.warn(
            f"{owner}: the weights of ImageNet are for square images of "
            f"{', '.join(map(str, sizes))} pixels, and the images have the shape "
            f"{tuple(shape)}. The weights for 224 pixels are loaded.",
            LikelyMistakeWarning,
            stacklevel=2,
        )
    return size or 224


def require_pretrained(
    owner: str, argument: str, value: float, values: Sequence[float]
) -> None:
    """Refuse a value of an argument that no weights of ImageNet exist for."""
    if value not in values:
        expected = f"one of {', '.join(map(str, values))} for weights of ImageNet"
        hint = "Pass weights=None for another value."
        raise invalid(owner, argument, value, expected, hint)


def _units(name: str, layer: Step) -> tuple[Step, ...]:
    return layer, norm(f"{name}_bn"), ReLU(6.0, name=f"{name}_relu")


def _block(
    x: SymbolicTensor, filters: int, stride: int, depth_multiplier: int, index: int
) -> SymbolicTensor:
    padding = "same"
    if stride > 1:
        x = ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{index}")(x)
        padding = "valid"
    first, second = f"conv_dw_{index}", f"conv_pw_{index}"
    spatial = depthwise(3, stride, padding, depth_multiplier, name=first)
    pointwise = conv(filters, name=second)
    return chain(x, *_units(first, spatial), *_units(second, pointwise))


def _body(x: SymbolicTensor, alpha: float, depth_multiplier: int) -> SymbolicTensor:
    first = conv(int(32 * alpha), 3, 2, name="conv1")
    x = chain(x, *_units("conv1", first))
    for i, (filters, stride) in enumerate(_BLOCKS, 1):
        x = _block(x, int(filters * alpha), stride, depth_multiplier, i)
    return x


def _head(dropout: float) -> Head:
    def head(
        x: SymbolicTensor, classes: int, activation: ActivationLike
    ) -> SymbolicTensor:
        return chain(
            x,
            GlobalAveragePooling2D(keepdims=True),
            Dropout(dropout, name="dropout"),
            conv(classes, use_bias=True, name="conv_preds"),
            Reshape((classes,), name="reshape_2"),
            Activation(activation, name="predictions"),
        )

    return head


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
    inputs = input_tensor, input_shape
    head = pooling, classes, classifier_activation
    options = Options(include_top, weights, *inputs, *head, name)
    row = row._replace(
        body=partial(_body, alpha=alpha, depth_multiplier=depth_multiplier),
        head=_head(dropout),
        size=square_size(input_shape, _SIZES) or row.size,
    )
    shape = checked_shape(row, options)
    size = height_and_width(shape)[0]
    if options.is_pretrained:
        require_pretrained(row.title, "depth_multiplier", depth_multiplier, [1])
        require_pretrained(row.title, "alpha", alpha, [0.25, 0.5, 0.75, 1.0])
        size = pretrained_size(row.title, shape, _SIZES)
        width = "1_0" if alpha == 1 else f"{alpha * 10:.1f}".replace(".", "_")
        address = f"mobilenet/mobilenet_{width}_{size}_tf.h5"
        row = row._replace(files=row.files._replace(address=address))
    row = row._replace(name=f"mobilenet_{alpha:0.2f}_{size}")
    return build(row, options, shape)


MobileNet = variant(
    _mobilenet,
    Architecture(
        title="MobileNet",
        name="mobilenet",
        module="mobilenet",
        paper="MobileNets: Efficient Convolutional Neural Networks for Mobile Vision "
        "Applications, https://arxiv.org/abs/1704.04861",
        body=partial(_body, alpha=1.0, depth_multiplier=1),
        files=WeightFiles("mobilenet/mobilenet_1_0_224_tf.h5", suffix="_no_top"),
        head=_head(1e-3),
    ),
    default_name=None,
    alpha="factor of the number of filters.",
    depth_multiplier="number of outputs of a depthwise convolution for each channel.",
    dropout="fraction of the features that the classifier drops in training.",
    name="name of the model; made from `alpha` and the size by default.",
)
