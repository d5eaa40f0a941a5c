"""Layers with the defaults that the architectures share."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, TypeAlias

from lamina import config
from lamina.core.graph import SymbolicTensor
from lamina.layers import (
    Activation,
    BatchNormalization,
    Concatenate,
    Conv2D,
    DepthwiseConv2D,
    Layer,
    SeparableConv2D,
    ZeroPadding2D,
)
from lamina.typing import ActivationLike, InitializerLike

Step: TypeAlias = Callable[[SymbolicTensor], Any]
"""A layer, or a function that calls layers."""


def chain(x: SymbolicTensor, *steps: Step) -> SymbolicTensor:
    """Call layers one after the other."""
    return reduce(lambda tensor, step: step(tensor), steps, x)


def channel_axis() -> int:
    """Return the axis of the channels of a batch of images."""
    return -1 if config.image_data_format() == "channels_last" else 1


def channels(x: SymbolicTensor) -> int:
    """Return the number of channels."""
    size = x.shape[channel_axis()]
    assert size is not None  # a convolution or the input's shape has set it
    return size


def image_size(x: SymbolicTensor) -> tuple[int | None, int | None]:
    """Return height and width, `None` where they vary."""
    first = 1 if config.image_data_format() == "channels_last" else 2
    height, width = x.shape[first : first + 2]
    return height, width


def conv(
    filters: int,
    size: int | tuple[int, int] = 1,
    strides: int = 1,
    padding: str = "same",
    use_bias: bool = False,
    activation: ActivationLike = None,
    kernel_initializer: InitializerLike = "glorot_uniform",
    name: str | None = None,
) -> Layer:
    """Return a convolution: by default without bias, with an output of equal size."""
    return Conv2D(
        filters,
        size,
        strides,
        padding,
        use_bias=use_bias,
        activation=activation,
        kernel_initializer=kernel_initializer,
        name=name,
    )


def depthwise(
    size: int,
    strides: int = 1,
    padding: str = "same",
    depth_multiplier: int = 1,
    initializer: InitializerLike = "glorot_uniform",
    name: str | None = None,
) -> Layer:
    """Return a depthwise convolution without bias."""
    return DepthwiseConv2D(
        size,
        strides,
        padding,
        depth_multiplier,
        use_bias=False,
        depthwise_initializer=initializer,
        name=name,
    )


def separable(
    filters: int,
    size: int = 3,
    strides: int = 1,
    padding: str = "same",
    name: str | None = None,
) -> Layer:
    """Return a separable convolution without bias."""
    return SeparableConv2D(filters, size, strides, padding, use_bias=False, name=name)


def norm(
    name: str | None = None,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
    scale: bool = True,
) -> Layer:
    """Return a batch normalization of the channels."""
    return BatchNormalization(channel_axis(), momentum, epsilon, scale=scale, name=name)


def relu(name: str | None = None) -> Layer:
    """Return a ReLU."""
    return Activation("relu", name=name)


def pad_before_stride(x: SymbolicTensor, size: int, name: str) -> SymbolicTensor:
    """Pad so that a window with stride 2 and padding "valid" ends at the last pixel.

    An even image gets one row and column less in front.
    """
    before = [size // 2 - (1 if n is None else 1 - n % 2) for n in image_size(x)]
    padding = tuple((n, size // 2) for n in before)
    return chain(x, ZeroPadding2D(padding, name=name))


def branches(
    x: SymbolicTensor, name: str | None, *paths: tuple[Step, ...]
) -> SymbolicTensor:
    """Concatenate the results of several paths from one tensor."""
    outputs = [chain(x, *path) for path in paths]
    return Concatenate(channel_axis(), name=name)(outputs)


def divisible(value: float, divisor: int = 8) -> int:
    """Round to a multiple of `divisor`, at most 10 % below the value."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded
