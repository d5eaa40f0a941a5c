"""Models of architectures, and the public functions that create them."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Callable
from functools import partial
from typing import Any, Concatenate, ParamSpec

from lamina.applications.architecture import (
    Architecture,
    Options,
    Weights,
    check,
    image_input,
    weights_path,
)
from lamina.applications.nn import ImageShape, Pooling, Tensor
from lamina.models import Model
from lamina.ops.families import check_call
from lamina.tracebacks import filter_traceback
from lamina.typing import ActivationLike, PartialShape

P = ParamSpec("P")
_FILE = "{name}/{name}_weights_tf_dim_ordering_tf_kernels.h5"
Create = Callable[Concatenate[Architecture, P], Model]


def standard(
    row: Architecture,
    include_top: bool = True,
    weights: Weights = "imagenet",
    input_tensor: Tensor | None = None,
    input_shape: PartialShape | None = None,
    pooling: Pooling = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Model:
    """Build {article} {row.title} model.

    The architecture is from {row.paper}. {pixels}

    Args:
        include_top: whether to add the classifier.
        weights: `"imagenet"` to download weights trained on ImageNet, the path or
            address of a file with weights, or `None` for random weights.
        input_tensor: the symbolic tensor of images; a new input by default.
        input_shape: shape of one image, by default ({row.size}, {row.size}, 3) with a
            classifier and (None, None, 3) without; at least {row.min_size} pixels high
            and wide.
        pooling: without the classifier: `"avg"` or `"max"` for global pooling, `None`
            for the feature maps.
        classes: number of classes of the classifier; 1000 for weights of ImageNet.
        classifier_activation: activation of the classifier; `None` for the logits.
        include_preprocessing: whether the model scales pixel values from 0 to 255;
            otherwise it takes scaled values.
        name: name of the model.

    Raises:
        ArgumentError: an argument is not valid.
        DownloadError: the weights are neither in the cache nor reachable.
        FileFormatError: the file does not have the weights of this model.

    Example:
        ```python
        model = lamina.applications.{row.title}(weights=None, classes=10)
        model.output_shape  # (None, 10)
        ```
    """
    return build(row, Options.of(locals()))


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


def family(
    create: Create[P], module: str, title: str, name: str | None = None
) -> Callable[..., Callable[P, Model]]:
    """Return a function that makes the public functions of similar architectures.

    It takes what replaces `{}` in `title`, and in lower case in `name` and in `file`.
    Its other arguments are fields of `Architecture`, or arguments of the body. In
    `name`, `{title}` is the title, and in `file`, `{name}` is the name.

    Args:
        create: a function of the architecture and the user's arguments. Its docstring
            describes the arguments that `standard` does not have.
        module: the module that contains the public functions. Its docstring has the
            paper as its second paragraph.
        title: the public name.
        name: the default name of models, by default the title in lower case; empty if
            it depends on the arguments.
    """
    paper = (sys.modules[module].__doc__ or "").partition("\n\n")[2].strip()

    def member(variant: str = "", **facts: Any) -> Callable[P, Model]:
        facts = {"module": module, "paper": paper, "file": _FILE, **facts}
        specific = {k: facts.pop(k) for k in {*facts}.difference(Architecture._fields)}
        full, part = title.format(variant), variant.lower()
        label = full.lower() if name is None else name.format(part, title=full)
        facts["file"] = facts["file"].format(part, name=label)
        facts["body"] = partial(facts["body"], **specific)
        return _public(create, Architecture(full, label, **facts))

    return member


def _public(create: Create[P], row: Architecture) -> Callable[P, Model]:
    """Return the public function of an architecture."""

    @filter_traceback
    def application(*args: P.args, **kwargs: P.kwargs) -> Model:
        check_call(row.title, signature, args, kwargs)
        return create(row, *args, **kwargs)

    _, *found = inspect.signature(create, eval_str=True).parameters.values()
    found[-1] = found[-1].replace(default=row.name or None)
    signature = inspect.Signature(found, return_annotation=Model)
    application.__signature__ = signature  # type: ignore[attr-defined]
    application.__name__ = application.__qualname__ = row.title
    application.__module__ = row.module
    application.__doc__ = _docstring(row, create, list(signature.parameters))
    return application


def _docstring(row: Architecture, create: Create[P], arguments: list[str]) -> str:
    """Return the docstring of `standard` for an architecture and its arguments."""
    pixels = f"Prepare images with `{row.module.rpartition('.')[2]}.preprocess_input`."
    if row.scale is not None:
        pixels = "The models take pixel values from 0 to 255 and scale them themselves."
    docs = [inspect.cleandoc(f.__doc__ or "") for f in (standard, create)]
    article = "an" if row.title[0] in "EI" else "a"
    text = "\n\n".join(docs).format(row=row, article=article, pixels=pixels)
    known = dict(re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", text, re.MULTILINE))
    if not known:
        return ""  # Python removed the docstrings, because of its option -OO
    intro, about, _, errors, example, *_ = text.split("\n\n")
    items = [_filled(f"{name}: {known[name]}", 4) for name in arguments]
    args = "\n".join(["Args:", *items])
    return "\n\n".join([intro, _filled(about), args, errors, example])


def _filled(text: str, indent: int = 0) -> str:
    lines = textwrap.wrap(" ".join(text.split()), 88 - 2 * indent)
    return textwrap.indent(f"\n{' ' * indent}".join(lines), " " * indent)
