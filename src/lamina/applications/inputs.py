"""Checks of the arguments that describe a model's input."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial

from lamina import config
from lamina.applications.architecture import Architecture, Options
from lamina.applications.blocks import (
    ImageShape,
    channel_axis,
    height_and_width,
    image_shape,
)
from lamina.core.graph import SymbolicTensor
from lamina.errors import LikelyMistakeWarning, ShapeError, invalid
from lamina.layers import Input
from lamina.models.function import get_source_inputs
from lamina.typing import PartialShape

Inputs = SymbolicTensor | list[SymbolicTensor]


def input_shape(row: Architecture, options: Options) -> ImageShape:
    """Check the argument `input_shape` and return the shape of one image."""
    needs_size = options.include_top and row.fixed_size
    default = image_shape(row.size, row.size, 3)
    if options.input_shape is None:
        return default if needs_size else image_shape(None, None, 3)
    shape = tuple(options.input_shape)
    error = partial(invalid, row.title, "input_shape", shape)
    if len(shape) != 3:
        raise error(f"three sizes, such as {default}")
    count = shape[channel_axis()]
    if options.is_pretrained and count != 3:
        hint = "Pass weights=None for other channels."
        raise error("a shape with 3 channels for weights of ImageNet", hint)
    if count is None:
        raise error("a shape with a known number of channels")
    if count not in (1, 3):
        warnings.warn(
            f"{row.title}: images usually have 1 or 3 channels, but input_shape="
            f"{shape} has {count}. The data format is {config.image_data_format()!r}.",
            LikelyMistakeWarning,
            stacklevel=2,
        )
    if options.is_pretrained and needs_size and shape != default:
        hint = "Pass include_top=False or weights=None for another size."
        raise error(f"{default}, the size of the ImageNet classifier", hint)
    if any(n is not None and n < row.min_size for n in height_and_width(shape)):
        raise error(f"at least {row.min_size} pixels high and wide")
    if needs_size and None in shape:
        hint = "Pass include_top=False for images of any size."
        raise error("a shape of known sizes", hint)
    return shape


def image_input(
    row: Architecture, tensor: SymbolicTensor | None, shape: ImageShape
) -> tuple[Inputs, SymbolicTensor]:
    """Return the inputs of a model and the tensor of images that its layers get."""
    if tensor is None:
        images = Input(shape)
        return images, images
    if not isinstance(tensor, SymbolicTensor):
        hint = "Make one with `lamina.Input((224, 224, 3))`."
        raise invalid(row.title, "input_tensor", tensor, "a symbolic tensor", hint)
    return get_source_inputs(tensor), tensor


def require_equal_width(row: Architecture, options: Options) -> None:
    """Refuse an input tensor and an input shape that contradict each other."""
    tensor, shape = options.input_tensor, options.input_shape
    if not isinstance(tensor, SymbolicTensor) or shape is None:
        return
    if height_and_width(tensor.shape)[-1:] != height_and_width(shape)[-1:]:
        raise ShapeError(
            f"{row.title}: `input_tensor` has the shape {tensor.shape} and "
            f"`input_shape` is {tuple(shape)}. Make them equal, or pass only one of "
            "the two."
        )


def square_size(shape: PartialShape | None, sizes: Sequence[int]) -> int | None:
    """Return the size of square images if it is one of some sizes."""
    if shape is None or len(shape) < 3:
        return None
    height, width = height_and_width(shape)
    return height if height == width and height in sizes else None


def pretrained_size(
    row: Architecture, shape: PartialShape, sizes: Sequence[int]
) -> int:
    """Return the size of the images that weights of ImageNet were trained on."""
    size = square_size(shape, sizes)
    if size is None and None not in shape:
        warnings.warn(
            f"{row.title}: the weights of ImageNet are for square images of "
            f"{', '.join(map(str, sizes))} pixels, and the images have the shape "
            f"{tuple(shape)}. The weights for 224 pixels are loaded.",
            LikelyMistakeWarning,
            stacklevel=2,
        )
    return size or 224


def require_pretrained(
    row: Architecture, argument: str, value: float, values: Sequence[float]
) -> None:
    """Refuse a value of an argument that no weights of ImageNet exist for."""
    if value not in values:
        expected = f"one of {', '.join(map(str, values))} for weights of ImageNet"
        hint = "Pass weights=None for another value."
        raise invalid(row.title, argument, value, expected, hint)
