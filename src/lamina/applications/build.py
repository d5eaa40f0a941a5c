"""Models of architectures, and the public functions that create them."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Concatenate, ParamSpec

from lamina.applications.architecture import Architecture, Options, Weights
from lamina.applications.blocks import ImageShape, Pooling, channel_axis
from lamina.applications.inputs import image_input, input_shape
from lamina.applications.weights import check_weights, weights_path
from lamina.core.graph import SymbolicTensor
from lamina.core.tracebacks import filter_traceback
from lamina.errors import ArgumentError
from lamina.models import Model
from lamina.ops.families import check_call
from lamina.typing import ActivationLike, PartialShape

P = ParamSpec("P")


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
    return build(row, Options.of(locals()))


def check(row: Architecture, options: Options) -> ImageShape:
    """Check the shared arguments and return the shape of one image."""
    if channel_axis() != -1 and not row.channels_first:
        raise ArgumentError(
            f"{row.title} needs images with the channels last. Call "
            "`lamina.config.set_image_data_format('channels_last')` before."
        )
    check_weights(row, options)
    return input_shape(row, options)


def build(
    row: Architecture, options: Options, shape: ImageShape | None = None
) -> Model:
    """Build a model and load its weights; a given shape means checked arguments."""
    shape = shape or check(row, options)
    path = weights_path(row, options)
    inputs, x = image_input(row, options.input_tensor, shape)
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
    **described: str,
) -> Callable[P, Model]:
    """Return the public function of an architecture.

    Args:
        create: a function of the architecture and the user's arguments.
        row: the architecture.
        **described: descriptions of arguments for the docstring, in place of the shared
            ones.
    """

    @filter_traceback
    def application(*args: P.args, **kwargs: P.kwargs) -> Model:
        check_call(row.title, signature, args, kwargs)
        return create(row, *args, **kwargs)

    _, *found = inspect.signature(create).parameters.values()
    found[-1] = found[-1].replace(default=row.name or None)
    signature = inspect.Signature(found)
    application.__signature__ = signature  # type: ignore[attr-defined]
    application.__name__ = application.__qualname__ = row.title
    application.__module__ = f"lamina.applications.{row.module}"
    application.__doc__ = _docstring(row, [p.name for p in found], described)
    return application


# Descriptions of the shared arguments for docstrings.
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

# Not a doctest: large models take seconds to build. Tests build each of them.
_EXAMPLE = """\
Example:
    ```python
    model = lamina.applications.{title}(weights=None, classes=10)
    model.output_shape  # (None, 10)
    ```"""


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
        _EXAMPLE.format(title=row.title),
    ]
    return "\n\n".join(parts)


def _item(text: str) -> str:
    return textwrap.fill(text, 88, initial_indent=" " * 4, subsequent_indent=" " * 8)
