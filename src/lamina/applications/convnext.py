"""ConvNeXt: a convolutional network with the design of transformers.

A ConvNet for the 2020s, https://arxiv.org/abs/2201.03545
"""

from __future__ import annotations

from functools import partial

from lamina import layers, ops
from lamina.applications import nn
from lamina.applications.architecture import Architecture, Options, Weights
from lamina.applications.build import Tensor, build, family
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_nothing as preprocess_input
from lamina.layers.scaling import LayerScale
from lamina.models import Model, Sequential
from lamina.typing import ActivationLike, PartialShape

__all__ = ["ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtSmall", "ConvNeXtTiny"]
__all__ += ["ConvNeXtXLarge", "decode_predictions", "preprocess_input"]

_EPSILON = 1e-6
_RGB_MEAN, _RGB_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_norm = partial(layers.LayerNormalization, epsilon=_EPSILON)


def _downsampling(filters: int, index: int, name: str) -> layers.Layer:
    """Return the downsampling before a stage; the first one is to a quarter."""
    if index == 0:
        first = layers.Conv2D(filters, 4, strides=4, name=f"{name}_stem_conv")
        parts, part = [first, _norm(name=f"{name}_stem_layernorm")], "stem"
    else:
        label = f"{name}_downsampling_conv_{index - 1}"
        last = layers.Conv2D(filters, 2, strides=2, name=label)
        parts = [_norm(name=f"{name}_downsampling_layernorm_{index - 1}"), last]
        part = f"downsampling_block_{index - 1}"
    return Sequential(parts, name=f"{name}_{part}")


def _block(x: Tensor, name: str) -> Tensor:
    filters, label = nn.channels(x), f"{name}_depthwise_conv"
    return nn.chain(
        x,
        layers.Conv2D(filters, 7, padding="same", groups=filters, name=label),
        _norm(name=f"{name}_layernorm"),
        layers.Dense(4 * filters, name=f"{name}_pointwise_conv_1"),
        layers.Activation("gelu", name=f"{name}_gelu"),
        layers.Dense(filters, name=f"{name}_pointwise_conv_2"),
        LayerScale(_EPSILON, filters, name=f"{name}_layer_scale"),
        layers.Activation("linear", name=f"{name}_identity"),
        lambda added: ops.add(x, added),
    )


def _body(
    x: Tensor, depths: tuple[int, ...], widths: tuple[int, ...], name: str
) -> Tensor:
    # All four are made first, which decides their order among numbered names.
    reductions = [_downsampling(width, i, name) for i, width in enumerate(widths)]
    for i, (reduction, depth) in enumerate(zip(reductions, depths, strict=True)):
        x = reduction(x)
        for j in range(depth):
            x = _block(x, f"{name}_stage_{i}_block_{j}")
    return x


def _scale(x: Tensor, _: bool, name: str) -> Tensor:
    if nn.channels(x) != 3:
        return x
    mean = [255 * value for value in _RGB_MEAN]
    variance = [(255 * value) ** 2 for value in _RGB_DEVIATION]
    name = f"{name}_prestem_normalization"
    return layers.Normalization(mean=mean, variance=variance, name=name)(x)


def _head(x: Tensor, classes: int, activation: ActivationLike, name: str) -> Tensor:
    return nn.chain(
        x,
        layers.GlobalAveragePooling2D(name=f"{name}_head_gap"),
        _norm(name=f"{name}_head_layernorm"),
        layers.Dense(classes, activation, name=f"{name}_head_dense"),
    )


def _pool(x: Tensor, pooling: nn.Pooling) -> Tensor:
    return _norm()(nn.pooled(x, pooling))


def _create(
    row: Architecture,
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: Weights = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: PartialShape | None = None,
    pooling: nn.Pooling = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Model:
    options = Options.of(locals())
    # The names of the layers start with that of the model.
    bind = partial(partial, name=name or row.name)
    row = row._replace(body=bind(row.body), scale=bind(_scale), head=bind(_head))
    return build(row, options)


_convnext = partial(
    family(_create, __name__, "ConvNeXt{}", "convnext_{}"),
    body=_body,
    file="convnext/{name}.h5",
    scale=_scale,
    pool=_pool,
    channels_first=False,
)
_shallow = partial(_convnext, depths=(3, 3, 9, 3))
_deep = partial(_convnext, depths=(3, 3, 27, 3))
ConvNeXtTiny = _shallow("Tiny", widths=(96, 192, 384, 768))
ConvNeXtSmall = _deep("Small", widths=(96, 192, 384, 768))
ConvNeXtBase = _deep("Base", widths=(128, 256, 512, 1024))
ConvNeXtLarge = _deep("Large", widths=(192, 384, 768, 1536))
ConvNeXtXLarge = _deep("XLarge", widths=(256, 512, 1024, 2048))
