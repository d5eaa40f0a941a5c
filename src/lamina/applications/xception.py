"""Xception: residual blocks of separable convolutions."""

from __future__ import annotations

from lamina import layers
from lamina.applications.architecture import Architecture
from lamina.applications.blocks import Step, chain, conv, norm, relu, separable
from lamina.applications.build import standard, variant
from lamina.applications.imagenet_utils import decode_predictions
from lamina.applications.imagenet_utils import preprocess_tf as preprocess_input
from lamina.core.graph import SymbolicTensor

__all__ = ["Xception", "decode_predictions", "preprocess_input"]


def _unit(filters: int, name: str) -> tuple[Step, Step]:
    return separable(filters, name=name), norm(f"{name}_bn")


def _reduction(
    x: SymbolicTensor, first: int, second: int, name: str, is_activated: bool
) -> SymbolicTensor:
    """Apply two convolutions and halve the size."""
    residual = chain(x, conv(second, strides=2), norm())
    x = chain(
        x,
        *(() if is_activated else (relu(f"{name}_sepconv1_act"),)),
        *_unit(first, f"{name}_sepconv1"),
        relu(f"{name}_sepconv2_act"),
        *_unit(second, f"{name}_sepconv2"),
        layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool"),
    )
    return layers.Add()([x, residual])


def _body(x: SymbolicTensor) -> SymbolicTensor:
    for count, strides, name in ((32, 2, "block1_conv1"), (64, 1, "block1_conv2")):
        layer = conv(count, 3, strides, "valid", name=name)
        x = chain(x, layer, norm(f"{name}_bn"), relu(f"{name}_act"))
    for i, count in enumerate((128, 256, 728), 2):
        x = _reduction(x, count, count, f"block{i}", is_activated=i == 2)
    for i in range(5, 13):
        residual = x
        for j in range(1, 4):
            name = f"block{i}_sepconv{j}"
            x = chain(x, relu(f"{name}_act"), *_unit(728, name))
        x = layers.Add()([x, residual])
    x = _reduction(x, 728, 1024, "block13", is_activated=False)
    for count, name in ((1536, "block14_sepconv1"), (2048, "block14_sepconv2")):
        x = chain(x, *_unit(count, name), relu(f"{name}_act"))
    return x


Xception = variant(
    standard,
    Architecture(
        title="Xception",
        name="xception",
        module="xception",
        paper="Xception: Deep Learning with Depthwise Separable Convolutions, "
        "https://arxiv.org/abs/1610.02357",
        body=_body,
        file="xception/xception_weights_tf_dim_ordering_tf_kernels.h5",
        size=299,
        min_size=71,
    ),
)
