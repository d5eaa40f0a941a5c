"""Facts about one architecture, and the arguments that all architectures share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from lamina import activations, config
from lamina.applications import nn
from lamina.core.check import Check, check_arguments, checked_shape, positive_number
from lamina.datasets.fetch import get_file
from lamina.errors import ArgumentError, LikelyMistakeWarning, ShapeError, invalid
from lamina.layers import Input
from lamina.models.function import get_source_inputs
from lamina.tracebacks import warn
from lamina.typing import ActivationLike, PartialShape

Weights = str | os.PathLike[str] | None


def is_address(weights: object) -> TypeGuard[str]:
    """Return whether weights are an address rather than a path."""
    return isinstance(weights, str) and weights.startswith(("http://", "https://"))


def _exists(weights: object) -> bool:
    if not isinstance(weights, str | os.PathLike):
        return weights is None
    return weights == "imagenet" or is_address(weights) or Path(weights).exists()


_CHECKS = {
    "alpha": positive_number,
    "pooling": Check("None, 'avg' or 'max'", lambda v: v in (None, "avg", "max"), ()),
    "weights": Check(
        "None, 'imagenet', or the path or address of a file with weights", _exists, ()
    ),
}


class Options(NamedTuple):
    """The arguments that architectures share, and `specific` ones by name."""

    include_top: bool
    weights: Weights
    input_tensor: nn.Tensor | None
    input_shape: PartialShape | None
    pooling: nn.Pooling
    classes: int
    classifier_activation: ActivationLike
    name: str | None
    include_preprocessing: bool = True
    specific: Mapping[str, Any] = {}

    @staticmethod
    def of(arguments: Mapping[str, Any]) -> Options:
        """Check the arguments of a function of a `row`, and return them."""
        specific = dict(arguments)
        owner, shape = specific.pop("row").title, specific["input_shape"]
        check_arguments(owner, _CHECKS, specific)
        if shape is not None:
            specific["input_shape"] = checked_shape(owner, shape, "input_shape")
        shared = {
            name: specific.pop(name) for name in Options._fields if name in specific
        }
        return Options(**shared, specific=specific)

    @property
    def is_pretrained(self) -> bool:
        """Whether weights of ImageNet are loaded."""
        return self.weights == "imagenet"

    def require_equal_width(self, row: Architecture) -> None:
        """Refuse an input tensor and an input shape that contradict each other."""
        tensor, shape = self.input_tensor, self.input_shape
        if not isinstance(tensor, nn.Tensor) or shape is None:
            return
        if nn.height_and_width(tensor.shape)[-1:] != nn.height_and_width(shape)[-1:]:
            raise ShapeError(
                f"{row.title}: `input_tensor` has the shape {tensor.shape} and "
                f"`input_shape` is {tuple(shape)}. Make them equal, or pass only one "
                "of the two."
            )

    def check_sizes(
        self,
        row: Architecture,
        known: PartialShape | None,
        sizes: Sequence[int],
        values: Mapping[str, Sequence[float]],
    ) -> tuple[nn.ImageShape, int | None]:
        """Check the arguments of a model that has weights for several sizes of images.

        Args:
            row: the architecture.
            known: the shape that decides the default size, if it is known.
            sizes: sizes of square images that there are weights of ImageNet for.
            values: values of the specific arguments that there are such weights for.

        Returns:
            The shape of one image, and its height or the size that the weights are for.
        """
        default = _square_size(known, sizes) or row.size
        shape = check(row._replace(size=default), self)
        if not self.is_pretrained:
            return shape, nn.height_and_width(shape)[0]
        for name, accepted in values.items():
            if self.specific[name] not in accepted:
                known_values = ", ".join(map(str, accepted))
                expected = f"one of {known_values} for weights of ImageNet"
                hint = "Pass weights=None for another value."
                raise invalid(row.title, name, self.specific[name], expected, hint)
        size = _square_size(shape, sizes)
        if size is None and None not in shape:
            warn(
                f"{row.title}: the weights of ImageNet are for square images of "
                f"{', '.join(map(str, sizes))} pixels, and the images have the shape "
                f"{tuple(shape)}. The weights for 224 pixels are loaded.",
                LikelyMistakeWarning,
            )
        return shape, size or 224


class Architecture(NamedTuple):
    """Facts about one architecture.

    Args:
        title: the public name of the function.
        name: the default name of the models; empty if it depends on the arguments.
        module: the public module, such as `"lamina.applications.vgg16"`.
        paper: title and address of the paper.
        body: the layers between the input and the classifier, a function of the images;
            its other arguments are bound when a model is created.
        file: the address of the weights with the classifier, below that of Keras's
            files or as a whole; empty if it depends on the arguments.
        suffix: end of the file's name for the weights without the classifier.
        size: default height and width of the images.
        min_size: the smallest height and width.
        fixed_size: whether models with a classifier take images of one size only.
        scale: the layers that scale pixel values, if the models have such: a function
            of the images and of whether weights of ImageNet are loaded.
        head: the classifier: a function of the features, classes and activation.
        pool: the layers of a model without classifier.
        channels_first: whether the architecture supports this data format.
    """

    title: str
    name: str
    module: str
    paper: str
    body: Callable[..., nn.Tensor]
    file: str = ""
    suffix: str = "_notop"
    size: int = 224
    min_size: int = 32
    fixed_size: bool = True
    scale: Callable[..., nn.Tensor] | None = None
    head: Callable[..., nn.Tensor] = nn.classifier
    pool: Callable[[nn.Tensor, nn.Pooling], nn.Tensor] = nn.pooled
    channels_first: bool = True


def check(row: Architecture, options: Options) -> nn.ImageShape:
    """Check the shared arguments and return the shape of one image."""
    if nn.channel_axis() != -1 and not row.channels_first:
        raise ArgumentError(
            f"{row.title} needs images with the channels last. Call "
            "`lamina.config.set_image_data_format('channels_last')` before."
        )
    _check_weights(row, options)
    return _input_shape(row, options)


def _input_shape(row: Architecture, options: Options) -> nn.ImageShape:
    needs_size = options.include_top and row.fixed_size
    default = nn.image_shape(row.size, row.size, 3)
    if options.input_shape is None:
        return default if needs_size else nn.image_shape(None, None, 3)
    shape = tuple(options.input_shape)
    error = partial(invalid, row.title, "input_shape", shape)
    if len(shape) != 3:
        raise error(f"three sizes, such as {default}")
    count = shape[nn.channel_axis()]
    if options.is_pretrained and count != 3:
        hint = "Pass weights=None for other channels."
        raise error("a shape with 3 channels for weights of ImageNet", hint)
    if count is None:
        raise error("a shape with a known number of channels")
    if count not in (1, 3):
        warn(
            f"{row.title}: images usually have 1 or 3 channels, but input_shape="
            f"{shape} has {count}. The data format is {config.image_data_format()!r}.",
            LikelyMistakeWarning,
        )
    if options.is_pretrained and needs_size and shape != default:
        hint = "Pass include_top=False or weights=None for another size."
        raise error(f"{default}, the size of the ImageNet classifier", hint)
    if any(n is not None and n < row.min_size for n in nn.height_and_width(shape)):
        raise error(f"at least {row.min_size} pixels high and wide")
    if needs_size and None in shape:
        hint = "Pass include_top=False for images of any size."
        raise error("a shape of known sizes", hint)
    return shape


def image_input(
    row: Architecture, tensor: nn.Tensor | None, shape: nn.ImageShape
) -> tuple[nn.Tensor | list[nn.Tensor], nn.Tensor]:
    """Return the inputs of a model and the tensor of images that its layers get."""
    if tensor is None:
        images = Input(shape)
        return images, images
    if not isinstance(tensor, nn.Tensor):
        hint = "Make one with `lamina.Input((224, 224, 3))`."
        raise invalid(row.title, "input_tensor", tensor, "a symbolic tensor", hint)
    return get_source_inputs(tensor), tensor


def _square_size(shape: PartialShape | None, sizes: Sequence[int]) -> int | None:
    """Return the size of square images if it is one of some sizes."""
    if shape is None or len(shape) < 3:
        return None
    height, width = nn.height_and_width(shape)
    return height if height == width and height in sizes else None


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"


@cache
def _hashes() -> dict[str, str]:
    """Return the hashes of the files by name; Keras has none for some."""
    path = Path(__file__).with_name("hashes.json")
    return json.loads(path.read_text(encoding="utf-8"))


def _check_weights(row: Architecture, options: Options) -> None:
    """Refuse weights that do not fit the classifier."""
    activation = options.classifier_activation
    if options.weights is None or not options.include_top:
        return
    if options.is_pretrained and options.classes != 1000:
        expected = "1000 for weights='imagenet'"
        hint = "Pass include_top=False to add a classifier of your own."
        raise invalid(row.title, "classes", options.classes, expected, hint)
    if activations.get(activation) not in map(activations.get, ("softmax", None)):
        raise ArgumentError(
            f"{row.title}: `classifier_activation` must be 'softmax' or None with "
            f"weights that are loaded. Received: {activation!r}. Apply another "
            "activation to the output of a model with classifier_activation=None."
        )


def weights_path(row: Architecture, options: Options) -> str | os.PathLike[str] | None:
    """Return the path of the file to load, downloaded if it is not in the cache."""
    weights = options.weights
    if options.is_pretrained:
        address = row.file if "://" in row.file else _KERAS + row.file
        if not options.include_top:
            address = address.removesuffix(".h5") + row.suffix + ".h5"
        digest = _hashes().get(address.rpartition("/")[2])
        return get_file(origin=address, cache_subdir="models", file_hash=digest)
    if is_address(weights):
        return get_file(origin=weights, cache_subdir="models")
    return weights
