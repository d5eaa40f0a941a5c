"""Checks of the arguments that describe a model's input."""

from __future__ import annotations

import warnings
from typing import NamedTuple, TypeVar

from lamina import config
from lamina.core.graph import SymbolicTensor
from lamina.errors import LikelyMistakeWarning, ShapeError, invalid
from lamina.layers import Input
from lamina.models.function import get_source_inputs
from lamina.typing import PartialShape

ImageShape = tuple[int | None, ...]
Size = TypeVar("Size", int, None)


class ImageInput(NamedTuple):
    """Facts about the images that a model takes.

    Args:
        owner: the model's public name, for messages.
        size: default height and width.
        min_size: the smallest height and width.
    """

    owner: str
    size: int
    min_size: int = 32

    def shape(
        self, shape: PartialShape | None, include_top: bool, is_pretrained: bool
    ) -> ImageShape:
        """Return the shape of one image for the argument `input_shape`.

        Args:
            shape: the argument.
            include_top: whether the size must be known, for a classifier follows.
            is_pretrained: whether weights of ImageNet are loaded, which need RGB.
        """
        count = 3
        if shape is not None:
            shape = tuple(shape)
            self._check_rank(shape)
            count = self._channels(shape, is_pretrained)
        default = image_shape(self.size, self.size, count)
        if shape is None and not include_top:
            return image_shape(None, None, count)
        if shape is None:
            return default
        if is_pretrained and include_top and shape != default:
            hint = "Pass include_top=False or weights=None for another size."
            expected = f"{default}, the size of the ImageNet classifier"
            raise invalid(self.owner, "input_shape", shape, expected, hint)
        self.check_size(shape)
        if include_top and None in shape:
            expected = "a shape of known sizes"
            hint = "Pass include_top=False for images of any size."
            raise invalid(self.owner, "input_shape", shape, expected, hint)
        return shape

    def _check_rank(self, shape: ImageShape) -> None:
        if len(shape) != 3:
            expected = f"three sizes, such as {image_shape(self.size, self.size, 3)}"
            raise invalid(self.owner, "input_shape", shape, expected)

    def _channels(self, shape: ImageShape, is_pretrained: bool) -> int:
        count = shape[_channel_axis()]
        if is_pretrained and count != 3:
            expected = "a shape with 3 channels for weights of ImageNet"
            hint = "Pass weights=None for other channels."
            raise invalid(self.owner, "input_shape", shape, expected, hint)
        if count is None:
            expected = "a shape with a known number of channels"
            raise invalid(self.owner, "input_shape", shape, expected)
        if count not in (1, 3):
            warnings.warn(
                f"{self.owner}: images usually have 1 or 3 channels, but input_shape="
                f"{shape} has {count}. The data format is "
                f"{config.image_data_format()!r}.",
                LikelyMistakeWarning,
                stacklevel=2,
            )
        return count

    def check_size(self, shape: ImageShape) -> None:
        """Refuse images that are too small."""
        if any(n is not None and n < self.min_size for n in height_and_width(shape)):
            expected = f"at least {self.min_size} pixels high and wide"
            raise invalid(self.owner, "input_shape", shape, expected)


def image_shape(height: Size, width: Size, count: int) -> tuple[int | Size, ...]:
    """Return the shape of one image in the current data format."""
    if config.image_data_format() == "channels_last":
        return height, width, count
    return count, height, width


def height_and_width(shape: PartialShape) -> ImageShape:
    """Return the last two sizes of one image that are not the channels."""
    if config.image_data_format() == "channels_last":
        return tuple(shape[-3:-1])
    return tuple(shape[-2:])


def _channel_axis() -> int:
    return -1 if config.image_data_format() == "channels_last" else 0


def image_input(
    owner: str, tensor: SymbolicTensor | None, shape: ImageShape
) -> tuple[SymbolicTensor | list[SymbolicTensor], SymbolicTensor]:
    """Return the inputs of a model and the tensor of images that its layers get."""
    if tensor is None:
        images = Input(shape)
        return images, images
    if not isinstance(tensor, SymbolicTensor):
        expected = "a symbolic tensor"
        hint = "Make one with `lamina.Input((224, 224, 3))`."
        raise invalid(owner, "input_tensor", tensor, expected, hint)
    return get_source_inputs(tensor), tensor


def require_equal_width(
    owner: str, tensor: SymbolicTensor | None, shape: PartialShape | None
) -> None:
    """Refuse an input tensor and an input shape that contradict each other."""
    if not isinstance(tensor, SymbolicTensor) or shape is None:
        return
    given, needed = height_and_width(tensor.shape)[-1], height_and_width(shape)[-1]
    if given != needed:
        raise ShapeError(
            f"{owner}: `input_tensor` has the shape {tensor.shape} and `input_shape` "
            f"is {tuple(shape)}. Make them equal, or pass only one of the two."
        )
