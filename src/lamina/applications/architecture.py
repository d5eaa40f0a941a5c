"""Records of an architecture and of the arguments that all architectures take."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from lamina.applications.blocks import Pooling, classifier, pooled
from lamina.core.check import Check, check_arguments, checked_shape, positive_number
from lamina.core.graph import SymbolicTensor
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

    @staticmethod
    def of(arguments: Mapping[str, Any]) -> Options:
        """Check the arguments of a function of a `row`, and return the shared ones."""
        owner, shape = arguments["row"].title, arguments["input_shape"]
        check_arguments(owner, _CHECKS, arguments)
        fields = Options._fields
        options = Options(**{k: v for k, v in arguments.items() if k in fields})
        if shape is None:
            return options
        shape = checked_shape(owner, shape, "input_shape")
        return options._replace(input_shape=shape)

    @property
    def is_pretrained(self) -> bool:
        """Whether weights of ImageNet are loaded."""
        return self.weights == "imagenet"


class Architecture(NamedTuple):
    """Facts about one architecture.

    Args:
        title: the public name of the function.
        name: the default name of the models; empty if it depends on the arguments.
        module: the public module.
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
    body: Callable[..., SymbolicTensor]
    file: str = ""
    suffix: str = "_notop"
    size: int = 224
    min_size: int = 32
    fixed_size: bool = True
    scale: Callable[..., SymbolicTensor] | None = None
    head: Callable[..., SymbolicTensor] = classifier
    pool: Callable[[SymbolicTensor, Pooling], SymbolicTensor] = pooled
    channels_first: bool = True
