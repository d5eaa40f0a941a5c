"""NASNet-A: cells that were found by architecture search."""

from __future__ import annotations

from functools import partial
from typing import Any

from lamina import layers
from lamina.applications.architecture import Architecture, Options, Weights
from lamina.applications.blocks import (
    Pooling,
    Step,
    branches,
    chain,
    channels,
    classifier,
    conv,
    height_and_width,
    norm,
    pad_before_stride,
    relu,
    separable,
)
from lamina.applications.build import build, variant
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_tf as preprocess_input
from lamina.core.graph import SymbolicTensor
from lamina.core.tracing.scopes import name_scope
from lamina.errors import invalid
from lamina.models import Model
from lamina.typing import ActivationLike, PartialShape

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]


Cell = tuple[SymbolicTensor, SymbolicTensor]
"""The results of a cell and of the one before it."""

_norm = partial(norm, momentum=0.9997)
_conv = partial(conv, kernel_initializer="he_normal")


def _separable(
    x: SymbolicTensor, filters: int, size: int, name: str, strides: int = 1
) -> SymbolicTensor:
    """Apply two separable convolutions."""
    with name_scope(f"separable_conv_block_{name}"):
        x, padding = relu()(x), "same"
        if strides == 2:
            x = pad_before_stride(x, size, f"separable_conv_1_pad_{name}")
            padding = "valid"
        return chain(
            x,
            separable(filters, size, strides, padding, f"separable_conv_1_{name}"),
            _norm(f"separable_conv_1_bn_{name}"),
            relu(),
            separable(filters, size, name=f"separable_conv_2_{name}"),
            _norm(f"separable_conv_2_bn_{name}"),
        )


def _halved(p: SymbolicTensor, filters: int, name: str) -> SymbolicTensor:
    """Halve the size by two samplings, of which one is shifted by a pixel."""

    def sampling(index: int) -> tuple[Step, Step]:
        pool = layers.AveragePooling2D(
            1, strides=2, name=f"adjust_avg_pool_{index}_{name}"
        )
        return pool, _conv(filters // 2, name=f"adjust_conv_{index}_{name}")

    with name_scope(f"adjust_reduction_block_{name}"):
        p = relu(f"adjust_relu_1_{name}")(p)
        shift = (
            layers.ZeroPadding2D(((0, 1), (0, 1))),
            layers.Cropping2D(((1, 0), (1, 0))),
        )
        p = branches(p, None, sampling(1), (*shift, *sampling(2)))
        return _norm(f"adjust_bn_{name}")(p)


def _adjusted(
    x: SymbolicTensor, p: SymbolicTensor | None, filters: int, name: str
) -> SymbolicTensor:
    """Return the result of the cell before in the size that this cell needs."""
    if p is None:
        return x
    with name_scope("adjust_block"):
        if height_and_width(p.shape)[1] != height_and_width(x.shape)[1]:
            return _halved(p, filters, name)
        if channels(p) == filters:
            return p
        with name_scope(f"adjust_projection_block_{name}"):
            projection = _conv(filters, name=f"adjust_conv_projection_{name}")
            return chain(p, relu(), projection, _norm(f"adjust_bn_{name}"))


def _squeezed(x: SymbolicTensor, filters: int, kind: str, name: str) -> SymbolicTensor:
    layer = _conv(filters, name=f"{kind}_conv_1_{name}")
    return chain(x, relu(), layer, _norm(f"{kind}_bn_1_{name}"))


def _normal_cell(x: SymbolicTensor, p: SymbolicTensor, filters: int, name: str) -> Cell:
    inputs = x

    def unit(tensor: SymbolicTensor, size: int, part: str) -> SymbolicTensor:
        return _separable(tensor, filters, size, f"normal_{part}_{name}")

    def pool(tensor: SymbolicTensor, part: str) -> SymbolicTensor:
        layer_name = f"normal_{part}_{name}"
        return layers.AveragePooling2D(3, 1, padding="same", name=layer_name)(tensor)

    with name_scope(f"normal_A_block_{name}"):
        p = _adjusted(x, p, filters, name)
        h = _squeezed(x, filters, "normal", name)
        pairs = (
            lambda: (unit(h, 5, "left1"), unit(p, 3, "right1")),
            lambda: (unit(p, 5, "left2"), unit(p, 3, "right2")),
            lambda: (pool(h, "left3"), p),
            lambda: (pool(p, "left4"), pool(p, "right4")),
            lambda: (unit(h, 3, "left5"), h),
        )
        sums = [p]
        for i, pair in enumerate(pairs, 1):
            with name_scope(f"block_{i}"):
                sums.append(layers.Add(name=f"normal_add_{i}_{name}")(list(pair())))
        return layers.Concatenate(name=f"normal_concat_{name}")(sums), inputs


def _reduction_cell(
    x: SymbolicTensor, p: SymbolicTensor | None, filters: int, name: str
) -> Cell:
    inputs = x

    def part(text: str) -> str:
        return f"reduction_{text}_{name}"

    def unit(tensor: SymbolicTensor, size: int, text: str) -> SymbolicTensor:
        return _separable(tensor, filters, size, part(text), strides=2)

    def sum_of(first: SymbolicTensor, second: SymbolicTensor, text: str) -> Any:
        return layers.Add(name=part(text) if text else None)([first, second])

    with name_scope(f"reduction_A_block_{name}"):
        p = _adjusted(x, p, filters, name)
        h = _squeezed(x, filters, "reduction", name)
        padded = pad_before_stride(h, 3, part("pad_1"))
        with name_scope("block_1"):
            x1 = sum_of(unit(h, 5, "left1"), unit(p, 7, "right1"), "add_1")
        with name_scope("block_2"):
            left = layers.MaxPooling2D(3, strides=2, name=part("left2"))(padded)
            x2 = sum_of(left, unit(p, 7, "right2"), "add_2")
        with name_scope("block_3"):
            left = layers.AveragePooling2D(3, strides=2, name=part("left3"))(padded)
            x3 = sum_of(left, unit(p, 5, "right3"), "add3")
        with name_scope("block_4"):
            pool = layers.AveragePooling2D(3, 1, padding="same", name=part("left4"))
            x4 = sum_of(x2, pool(x1), "")
        with name_scope("block_5"):
            left = _separable(x1, filters, 3, part("left4"))
            right = layers.MaxPooling2D(3, strides=2, name=part("right5"))(padded)
            x5 = sum_of(left, right, "add4")
        return layers.Concatenate(name=part("concat"))([x2, x3, x4, x5]), inputs


def _body(
    x: SymbolicTensor, filters: int, cells: int, stem: int, skip_reduction: bool
) -> SymbolicTensor:
    first = _conv(stem, 3, 2, "valid", name="stem_conv1")
    x, p = _reduction_cell(
        chain(x, first, _norm("stem_bn1")), None, filters // 4, "stem_1"
    )
    x, p = _reduction_cell(x, p, filters // 2, "stem_2")
    for stage in range(3):
        width = filters * 2**stage
        if stage:
            x, before = _reduction_cell(x, p, width, f"reduce_{stage * cells}")
            p = p if skip_reduction else before
        for i in range(cells):
            # The numbers skip one for each reduction.
            x, p = _normal_cell(x, p, width, f"{stage * cells + i + (stage > 0)}")
    return relu()(x)


def _nasnet(
    row: Architecture,
    input_shape: PartialShape | None = None,
    include_top: bool = True,
    weights: Weights = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    pooling: Pooling = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Model:
    options = Options.of(locals())
    if row.size == 224 and not include_top and input_shape is None:
        # The size is fixed, as in Keras.
        options = options._replace(input_shape=(224, 224, 3))
    if options.is_pretrained and None in (options.input_shape or ()):
        expected = "a shape of known sizes for weights of ImageNet"
        raise invalid(row.title, "input_shape", input_shape, expected)
    return build(row, options)


_architecture = partial(
    Architecture,
    module="nasnet",
    paper="Learning Transferable Architectures for Scalable Image Recognition, "
    "https://arxiv.org/abs/1707.07012",
    suffix="-no-top",
    head=partial(classifier, pool_name=None),
    channels_first=False,
)
NASNetMobile = variant(
    _nasnet,
    _architecture(
        title="NASNetMobile",
        name="nasnet_mobile",
        body=partial(_body, filters=44, cells=4, stem=32, skip_reduction=False),
        file="nasnet/NASNet-mobile.h5",
    ),
)
NASNetLarge = variant(
    _nasnet,
    _architecture(
        title="NASNetLarge",
        name="nasnet_large",
        body=partial(_body, filters=168, cells=6, stem=96, skip_reduction=True),
        file="nasnet/NASNet-large.h5",
        size=331,
    ),
)
