"""Layers with the defaults that the architectures share."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, Literal, TypeAlias, TypeVar

from lamina import layers
from lamina.core.graph import SymbolicTensor
from lamina.layers import Layer
from lamina.ops.image.layout import channels_axis
from lamina.typing import ActivationLike, PartialShape

Tensor: TypeAlias = SymbolicTensor
Step: TypeAlias = Callable[[Tensor], Any]
"""A layer, or a function that calls layers."""
Pooling = Literal["avg", "max"] | None
ImageShape = tuple[int | None, ...]
Size = TypeVar("Size", int, None)


def chain(x: Tensor, *steps: Step) -> Tensor:
    """Call layers one after the other."""
    return reduce(lambda tensor, step: step(tensor), steps, x)


def channel_axis() -> int:
    """Return the axis of the channels of images, counted from the last one."""
    return channels_axis("applications", None)


def channels(x: Tensor) -> int:
    """Return the number of channels."""
    size = x.shape[channel_axis()]
    assert size is not None  # a convolution or the input's shape has set it
    return size


def image_shape(height: Size, width: Size, count: int) -> tuple[int | Size, ...]:
    """Return the shape of one image in the current data format."""
    sizes = height, width
    return (*sizes, count) if channel_axis() == -1 else (count, *sizes)


def height_and_width(shape: PartialShape) -> ImageShape:
    """Return the sizes of an image or a batch, without that of the channels."""
    return tuple(shape[-3:-1] if channel_axis() == -1 else shape[-2:])


def conv(
    filters: int,
    size: int | tuple[int, int] = 1,
    strides: int = 1,
    padding: str = "same",
    use_bias: bool = False,
    **options: Any,
) -> Layer:
    """Return a convolution: by default without bias, with an output of equal size."""
    shape = filters, size, strides, padding
    return layers.Conv2D(*shape, use_bias=use_bias, **options)


def separable(
    filters: int, size: int = 3, strides: int = 1, padding: str = "same", name: str = ""
) -> Layer:
    """Return a separable convolution without bias."""
    shape = filters, size, strides, padding
    return layers.SeparableConv2D(*shape, use_bias=False, name=name)


def norm(name: str | None = None, **options: Any) -> Layer:
    """Return a batch normalization of the channels."""
    return layers.BatchNormalization(channel_axis(), name=name, **options)


def relu(name: str | None = None) -> Layer:
    """Return a ReLU."""
    return layers.Activation("relu", name=name)


def pad_before_stride(x: Tensor, size: int, name: str) -> Tensor:
    """Pad so that a window with stride 2 and padding "valid" ends at the last pixel.

    An even image gets one row and column less in front.
    """
    sizes = height_and_width(x.shape)
    before = [size // 2 - (1 if n is None else 1 - n % 2) for n in sizes]
    padding = tuple((n, size // 2) for n in before)
    return chain(x, layers.ZeroPadding2D(padding, name=name))


def depthwise(x: Tensor, size: int, stride: int, pad: str, **options: Any) -> Tensor:
    """Apply a depthwise convolution without bias.

    With stride 2, a layer of the name `pad` pads the images, if it is not empty.
    """
    padding = "same"
    if stride == 2 and pad:
        x, padding = pad_before_stride(x, size, pad), "valid"
    layer = layers.DepthwiseConv2D(size, stride, padding, use_bias=False, **options)
    return layer(x)


def branches(x: Tensor, name: str | None, *paths: tuple[Step, ...]) -> Tensor:
    """Concatenate the results of several paths from one tensor."""
    outputs = [chain(x, *path) for path in paths]
    return layers.Concatenate(channel_axis(), name=name)(outputs)


def divisible(value: float) -> int:
    """Round to a multiple of 8, at most 10 % below the value."""
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * value else rounded


def pooled(x: Tensor, pooling: Pooling, is_named: bool = False) -> Tensor:
    """Apply a global pooling; its name is numbered unless it is fixed."""
    if pooling is None:
        return x
    average, maximum = layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D
    layer = average if pooling == "avg" else maximum
    return layer(name=f"{pooling}_pool" if is_named else None)(x)


def classifier(
    x: Tensor,
    classes: int,
    activation: ActivationLike,
    pool_name: str | None = "avg_pool",
    dropout: float = 0.0,
    **options: Any,
) -> Tensor:
    """Apply an average pooling and a dense layer of classes."""
    x = layers.GlobalAveragePooling2D(name=pool_name)(x)
    if dropout:
        x = layers.Dropout(dropout, name="top_dropout")(x)
    return layers.Dense(classes, activation, name="predictions", **options)(x)
