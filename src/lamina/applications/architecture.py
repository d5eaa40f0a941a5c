"""What all architectures share: arguments, input, classifier and weights."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Concatenate, Literal, NamedTuple, ParamSpec

from lamina import config
from lamina.applications.blocks import Step
from lamina.applications.inputs import ImageInput, ImageShape, image_input
from lamina.applications.weights import (
    WeightFiles,
    Weights,
    check_weights,
    weights_path,
)
from lamina.core.graph import SymbolicTensor
from lamina.core.tracebacks import filter_traceback
from lamina.errors import ArgumentError, invalid
from lamina.layers import Dense, Dropout, GlobalAveragePooling2D, GlobalMaxPooling2D
from lamina.models import Model
from lamina.typing import ActivationLike, InitializerLike, PartialShape

P = ParamSpec("P")
Pooling = Literal["avg", "max"] | None
Head = Callable[[SymbolicTensor, int, ActivationLike], SymbolicTensor]
PoolHead = Callable[[SymbolicTensor, Pooling], SymbolicTensor]


def classifier(
    pool_name: str | None = "avg_pool",
    dropout: float = 0.0,
    kernel_initializer: InitializerLike = "glorot_uniform",
) -> Head:
    """Return a head of average pooling and a dense layer of classes."""

    def head(
        x: SymbolicTensor, classes: int, activation: ActivationLike
    ) -> SymbolicTensor:
        x = GlobalAveragePooling2D(name=pool_name)(x)
        if dropout:
            x = Dropout(dropout, name="top_dropout")(x)
        dense = Dense(
            classes,
            activation,
            kernel_initializer=kernel_initializer,
            name="predictions",
        )
        return dense(x)

    return head


def named_pooling(x: SymbolicTensor, pooling: Pooling) -> SymbolicTensor:
    """Pool with layers of fixed names."""
    return _pooled(x, pooling, "avg_pool", "max_pool")


def unnamed_pooling(x: SymbolicTensor, pooling: Pooling) -> SymbolicTensor:
    """Pool with layers of numbered names."""
    return _pooled(x, pooling, None, None)


def _pooled(
    x: SymbolicTensor, pooling: Pooling, average: str | None, maximum: str | None
) -> SymbolicTensor:
    if pooling is None:
        return x
    if pooling == "avg":
        return GlobalAveragePooling2D(name=average)(x)
    return GlobalMaxPooling2D(name=maximum)(x)


class Options(NamedTuple):
    """The arguments that architectures share."""

    include_top: bool
    weights: Weights
    input_tensor: SymbolicTensor | None
    input_shape: PartialShape | None
    pooling: Pooling
    classes: int
    classifier_activation: ActivationLike
    name: str | None
    include_preprocessing: bool = True

    @property
    def is_pretrained(self) -> bool:
        """Whether weights of ImageNet are loaded."""
        return self.weights == "imagenet"


class Architecture(NamedTuple):
    """The facts about one architecture.

    Args:
        title: the public name of the function.
        name: the default name of the models.
        module: the public module.
        paper: title and address of the paper.
        body: the layers between the input and the classifier.
        files: where the weights are.
        size: default height and width of the images.
        min_size: the smallest height and width.
        scale: the layers that scale pixel values, if the models have such: a function
            of the images and of whether weights of ImageNet are loaded.
        head: the classifier.
        pool: the layers of a model without classifier.
        channels_first: whether the architecture supports this data format.
    """

    title: str
    name: str
    module: str
    paper: str
    body: Step
    files: WeightFiles
    size: int = 224
    min_size: int = 32
    scale: Callable[[SymbolicTensor, bool], SymbolicTensor] | None = None
    head: Head = classifier()
    pool: PoolHead = unnamed_pooling
    channels_first: bool = True


def standard(
    row: Architecture,
    include_top: bool = True,
    weights: Weights = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    input_shape: PartialShape | None = None,
    pooling: Pooling = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Model:
    """Build a model of an architecture that takes only the shared arguments."""
    inputs = input_tensor, input_shape
    head = pooling, classes, classifier_activation
    options = Options(include_top, weights, *inputs, *head, name)
    return build(row, options, checked_shape(row, options))


def checked_shape(row: Architecture, options: Options) -> ImageShape:
    """Check the shared arguments and return the shape of one image."""
    check(row, options)
    images = ImageInput(row.title, row.size, row.min_size)
    include_top, is_pretrained = options.include_top, options.is_pretrained
    return images.shape(options.input_shape, include_top, is_pretrained)


def check(row: Architecture, options: Options) -> None:
    """Refuse arguments that no architecture accepts; the shape is not checked."""
    if config.image_data_format() == "channels_first" and not row.channels_first:
        raise ArgumentError(
            f"{row.title} needs images with the channels last. Call "
            "`lamina.config.set_image_data_format('channels_last')` before."
        )
    if options.pooling not in (None, "avg", "max"):
        raise invalid(row.title, "pooling", options.pooling, "None, 'avg' or 'max'")
    check_weights(
        row.title,
        options.weights,
        options.include_top,
        options.classes,
        options.classifier_activation,
    )


def build(row: Architecture, options: Options, shape: ImageShape) -> Model:
    """Build a model from checked arguments and load its weights."""
    path = weights_path(options.weights, row.files, options.include_top)
    inputs, x = image_input(row.title, options.input_tensor, shape)
    if row.scale is not None and options.include_preprocessing:
        x = row.scale(x, options.is_pretrained)
    x = row.body(x)
    if options.include_top:
        x = row.head(x, options.classes, options.classifier_activation)
    else:
        x = row.pool(x, options.pooling)
    model = Model(inputs, x, name=options.name or row.name)
    if path is not None:
        model.load_weights(path)
    return model


def variant(
    create: Callable[Concatenate[Architecture, P], Model],
    row: Architecture,
    default_name: str | None = "",
    **described: str,
) -> Callable[P, Model]:
    """Return the public function of an architecture.

    Args:
        create: a function of the architecture and the user's arguments.
        row: the architecture.
        default_name: the default of the argument `name`; that of the row if empty.
        **described: what the docstring says about arguments that are not shared.
    """

    @filter_traceback
    def application(*args: P.args, **kwargs: P.kwargs) -> Model:
        return create(row, *args, **kwargs)

    _, *found = inspect.signature(create).parameters.values()
    name = row.name if default_name == "" else default_name
    found[-1] = found[-1].replace(default=name)
    application.__signature__ = inspect.Signature(found)  # type: ignore[attr-defined]
    application.__name__ = application.__qualname__ = row.title
    application.__module__ = f"lamina.applications.{row.module}"
    application.__doc__ = _docstring(row, [p.name for p in found], described)
    return application


# What docstrings say about shared arguments.
_DESCRIBED = {
    "include_top": "whether to add the classifier.",
    "weights": '`"imagenet"` to download weights trained on ImageNet, the path or '
    "address of a file with weights, or `None` for random weights.",
    "input_tensor": "the symbolic tensor of images; a new input by default.",
    "input_shape": "shape of one image, by default ({size}, {size}, 3) with a "
    "classifier and (None, None, 3) without; at least {min_size} pixels high and wide.",
    "pooling": 'without the classifier: `"avg"` or `"max"` for global pooling, `None` '
    "for the feature maps.",
    "classes": "number of classes of the classifier; 1000 for weights of ImageNet.",
    "classifier_activation": "activation of the classifier; `None` for the logits.",
    "include_preprocessing": "whether the model scales pixel values from 0 to 255; "
    "otherwise it takes scaled values.",
    "name": "name of the model.",
}
_ERRORS = (
    "ArgumentError: an argument is not valid.",
    "DownloadError: the weights are neither in the cache nor reachable.",
    "FileFormatError: the file does not have the weights of this model.",
)


def _docstring(
    row: Architecture, arguments: Sequence[str], described: Mapping[str, str]
) -> str:
    known = _DESCRIBED | dict(described)
    sizes = {"size": row.size, "min_size": row.min_size}
    items = [f"{name}: {known[name].format(**sizes)}" for name in arguments]
    pixels = f"Prepare images with `{row.module}.preprocess_input`."
    if row.scale is not None:
        pixels = "The models take pixel values from 0 to 255 and scale them themselves."
    parts = [
        f"Build a {row.title} model.",
        textwrap.fill(f"The architecture is from {row.paper}. {pixels}", 88),
        "\n".join(["Args:", *map(_item, items)]),
        "\n".join(["Raises:", *map(_item, _ERRORS)]),
    ]
    return "\n\n".join(parts)


def _item(text: str) -> str:
    return textwrap.fill(text, 88, initial_indent=" " * 4, subsequent_indent=" " * 8)
