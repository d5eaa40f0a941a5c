"""NASNet-A: cells that were found by architecture search.

Learning Transferable Architectures for Scalable Image Recognition,
https://arxiv.org/abs/1707.07012
"""

from __future__ import annotations

from functools import partial

from lamina import layers
from lamina.applications import nn
from lamina.applications.architecture import Architecture, Options, Weights
from lamina.applications.build import Tensor, build, family
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_tf as preprocess_input
from lamina.core.tracing.scopes import name_scope
from lamina.errors import invalid
from lamina.models import Model
from lamina.typing import ActivationLike, PartialShape

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]

# A tensor, what is applied to it, and the end of a layer's name. Integers are the sizes
# of separable convolutions.
Operand = tuple[str, str | int, str]
Pairs = tuple[tuple[Operand, Operand, str], ...]

# Pairs of operands, and the name of their sum. "h" is the result of the last cell, "p"
# of the one before it, and "1" the sum of the first pair.
_NORMAL: Pairs = (
    (("h", 5, "left1"), ("p", 3, "right1"), "add_1"),
    (("p", 5, "left2"), ("p", 3, "right2"), "add_2"),
    (("h", "average", "left3"), ("p", "identity", ""), "add_3"),
    (("p", "average", "left4"), ("p", "average", "right4"), "add_4"),
    (("h", 3, "left5"), ("h", "identity", ""), "add_5"),
)
_REDUCTION: Pairs = (
    (("h", 5, "left1"), ("p", 7, "right1"), "add_1"),
    (("padded", "halve_max", "left2"), ("p", 7, "right2"), "add_2"),
    (("padded", "halve_average", "left3"), ("p", 5, "right3"), "add3"),
    (("2", "identity", ""), ("1", "average", "left4"), ""),
    (("1", 3, "left4"), ("padded", "halve_max", "right5"), "add4"),
)
_POOLS = {
    "average": partial(layers.AveragePooling2D, 3, 1, padding="same"),
    "halve_average": partial(layers.AveragePooling2D, 3, strides=2),
    "halve_max": partial(layers.MaxPooling2D, 3, strides=2),
}
_norm = partial(nn.norm, momentum=0.9997)
_conv = partial(nn.conv, kernel_initializer="he_normal")


def _separable(
    x: Tensor, filters: int, size: int, name: str, strides: int = 1
) -> Tensor:
    """Apply two separable convolutions."""
    with name_scope(f"separable_conv_block_{name}"):
        x, padding = nn.relu()(x), "same"
        if strides == 2:
            x = nn.pad_before_stride(x, size, f"separable_conv_1_pad_{name}")
            padding = "valid"
        return nn.chain(
            x,
            nn.separable(filters, size, strides, padding, f"separable_conv_1_{name}"),
            _norm(f"separable_conv_1_bn_{name}"),
            nn.relu(),
            nn.separable(filters, size, name=f"separable_conv_2_{name}"),
            _norm(f"separable_conv_2_bn_{name}"),
        )


def _halved(p: Tensor, filters: int, name: str) -> Tensor:
    """Halve the size by two samplings, of which one is shifted by a pixel."""

    def sampling(index: int) -> tuple[nn.Step, nn.Step]:
        label = f"adjust_avg_pool_{index}_{name}"
        pool = layers.AveragePooling2D(1, strides=2, name=label)
        return pool, _conv(filters // 2, name=f"adjust_conv_{index}_{name}")

    with name_scope(f"adjust_reduction_block_{name}"):
        p = nn.relu(f"adjust_relu_1_{name}")(p)
        pad = layers.ZeroPadding2D(((0, 1), (0, 1)))
        crop = layers.Cropping2D(((1, 0), (1, 0)))
        p = nn.branches(p, None, sampling(1), (pad, crop, *sampling(2)))
        return _norm(f"adjust_bn_{name}")(p)


def _adjusted(x: Tensor, p: Tensor | None, filters: int, name: str) -> Tensor:
    """Return the result of the cell before in the size that this cell needs."""
    if p is None:
        return x
    with name_scope("adjust_block"):
        if nn.height_and_width(p.shape)[1] != nn.height_and_width(x.shape)[1]:
            return _halved(p, filters, name)
        if nn.channels(p) == filters:
            return p
        with name_scope(f"adjust_projection_block_{name}"):
            names = f"adjust_conv_projection_{name}", f"adjust_bn_{name}"
            return _projected(p, filters, *names)


def _projected(x: Tensor, filters: int, conv: str, norm: str) -> Tensor:
    return nn.chain(x, nn.relu(), _conv(filters, name=conv), _norm(norm))


def _operand(
    tensors: dict[str, Tensor], operand: Operand, filters: int, kind: str, name: str
) -> Tensor:
    source, op, part = operand
    x, label = tensors[source], f"{kind}_{part}_{name}"
    if isinstance(op, int):
        halves = kind == "reduction" and source in "hp"
        return _separable(x, filters, op, label, strides=2 if halves else 1)
    return x if op == "identity" else _POOLS[op](name=label)(x)


def _cell(x: Tensor, p: Tensor | None, filters: int, kind: str, name: str) -> Tensor:
    with name_scope(f"{kind}_A_block_{name}"):
        tensors = {"p": _adjusted(x, p, filters, name)}
        names = f"{kind}_conv_1_{name}", f"{kind}_bn_1_{name}"
        tensors["h"] = _projected(x, filters, *names)
        if kind == "reduction":
            label = f"reduction_pad_1_{name}"
            tensors["padded"] = nn.pad_before_stride(tensors["h"], 3, label)
        pairs = _NORMAL if kind == "normal" else _REDUCTION
        for i, (*pair, sum_name) in enumerate(pairs, 1):
            with name_scope(f"block_{i}"):
                both = [_operand(tensors, side, filters, kind, name) for side in pair]
                label = sum_name and f"{kind}_{sum_name}_{name}"
                tensors[str(i)] = layers.Add(name=label or None)(both)
        keys = "p12345" if kind == "normal" else "2345"
        concat = layers.Concatenate(name=f"{kind}_concat_{name}")
        return concat([tensors[key] for key in keys])


def _body(x: Tensor, filters: int, cells: int, stem: int, skip: bool) -> Tensor:
    first = _conv(stem, 3, 2, "valid", name="stem_conv1")
    before, x = None, nn.chain(x, first, _norm("stem_bn1"))
    for i, width in enumerate((filters // 4, filters // 2), 1):
        before, x = x, _cell(x, before, width, "reduction", f"stem_{i}")
    for stage in range(3):
        width = filters * 2**stage
        if stage:
            label = f"reduce_{stage * cells}"
            last, x = x, _cell(x, before, width, "reduction", label)
            before = before if skip else last
        for i in range(cells):
            # The numbers skip one for each reduction.
            label = f"{stage * cells + i + (stage > 0)}"
            before, x = x, _cell(x, before, width, "normal", label)
    return nn.relu()(x)


def _create(
    row: Architecture,
    input_shape: PartialShape | None = None,
    include_top: bool = True,
    weights: Weights = "imagenet",
    input_tensor: Tensor | None = None,
    pooling: nn.Pooling = None,
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


_nasnet = partial(
    family(_create, __name__, "NASNet{}", "nasnet_{}"),
    body=_body,
    file="nasnet/NASNet-{}.h5",
    suffix="-no-top",
    head=partial(nn.classifier, pool_name=None),
    channels_first=False,
)
NASNetMobile = _nasnet("Mobile", filters=44, cells=4, stem=32, skip=False)
NASNetLarge = _nasnet("Large", size=331, filters=168, cells=6, stem=96, skip=True)
