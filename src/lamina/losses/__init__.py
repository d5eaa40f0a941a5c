"""Loss classes and functions."""

from __future__ import annotations

from typing import Any

from lamina.core import registry
from lamina.losses.base import Loss, LossFunctionWrapper, loss_registry
from lamina.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    categorical_generalized_cross_entropy,
    sparse_categorical_crossentropy,
)
from lamina.losses.ctc import CTC, ctc
from lamina.losses.focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
)
from lamina.losses.hinge import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    squared_hinge,
)
from lamina.losses.metric_learning import Circle, circle
from lamina.losses.probabilistic import KLDivergence, Poisson, kl_divergence, poisson
from lamina.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from lamina.losses.segmentation import Dice, Tversky, dice, tversky
from lamina.tracebacks import filter_traceback

__all__ = [
    "CTC",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "ctc",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]


def __dir__() -> list[str]:
    return __all__


# Functions first: a name in snake case means the function, as in Keras.
loss_registry.add(
    *(
        item
        for name in reversed(__all__)
        if (item := globals().get(name)) not in (None, Loss)
    ),
    LossFunctionWrapper,
    bce=binary_crossentropy,
    kld=kl_divergence,
    mae=mean_absolute_error,
    mape=mean_absolute_percentage_error,
    mse=mean_squared_error,
    msle=mean_squared_logarithmic_error,
)


@filter_traceback
def get(identifier: object) -> Any:
    """Return the loss that an identifier names or describes.

    Args:
        identifier: a name, a config, a class, a function or a loss. Function names
            such as `"mse"` give the function, class names such as
            `"MeanSquaredError"` an object.

    Raises:
        UnknownNameError: the name is unknown; the message suggests the nearest.

    Example:
        >>> get("mse").__name__
        'mean_squared_error'
    """
    return loss_registry.get(identifier)


@filter_traceback
def serialize(loss: object) -> Any:
    """Return the config of a loss.

    Args:
        loss: a loss or a function.

    Example:
        >>> serialize(MeanSquaredError())["class_name"]
        'MeanSquaredError'
        >>> serialize(mean_squared_error)
        'mean_squared_error'
    """
    return registry.serialize(loss)


@filter_traceback
def deserialize(name: object, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the loss that a config or a name describes.

    Args:
        name: a config that `serialize` returned, or a name as for `get`.
        custom_objects: classes and functions by the name that the config uses.

    Raises:
        UnknownNameError: the name is unknown; the message suggests the nearest.

    Example:
        >>> deserialize(serialize(Huber(delta=2.0))).delta
        2.0
    """
    return loss_registry.deserialize(name, custom_objects)
