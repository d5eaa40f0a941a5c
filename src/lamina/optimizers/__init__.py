"""Optimizers: gradient-based update rules."""

from __future__ import annotations

from typing import Any

from lamina.core import registry
from lamina.errors import ArgumentError
from lamina.optimizers import legacy, schedules
from lamina.optimizers.base import Optimizer, optimizer_registry
from lamina.optimizers.loss_scale import LossScaleOptimizer
from lamina.optimizers.multi import MultiOptimizer, OptimizerMap
from lamina.optimizers.optax import OptaxOptimizer, is_transformation
from lamina.optimizers.rules.adafactor import Adafactor
from lamina.optimizers.rules.adagrad import Adadelta, Adagrad, RMSprop
from lamina.optimizers.rules.adam import Adam, Adamax, AdamW, Lamb, Nadam
from lamina.optimizers.rules.ftrl import Ftrl
from lamina.optimizers.rules.muon import Muon
from lamina.optimizers.rules.schedule_free import ScheduleFreeAdamW
from lamina.optimizers.rules.sgd import SGD, Lion
from lamina.tracebacks import filter_traceback

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "OptaxOptimizer",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "legacy",
    "schedules",
    "serialize",
]


def __dir__() -> list[str]:
    return __all__


_CLASSES = (
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    AdamW,
    Adamax,
    Ftrl,
    Lamb,
    Lion,
    LossScaleOptimizer,
    MultiOptimizer,
    Muon,
    Nadam,
    OptimizerMap,
    RMSprop,
    ScheduleFreeAdamW,
)
optimizer_registry.objects.update({cls.__name__: cls for cls in _CLASSES})
optimizer_registry.aliases.update({cls.__name__.lower(): cls for cls in _CLASSES})


@filter_traceback
def get(identifier: object) -> Any:
    """Return the optimizer that an identifier names or describes.

    Args:
        identifier: a name, a config, a class, an Optax transformation, an optimizer,
            or `None`.

    Raises:
        UnknownNameError: no optimizer has that name; the message suggests the nearest.
        ArgumentError: the identifier has an unsupported type.

    Example:
        >>> get("rmsprop"), get(SGD(momentum=0.5))
        (RMSprop(), SGD(momentum=0.5))
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if is_transformation(identifier):
        return OptaxOptimizer(identifier)
    if isinstance(identifier, dict):
        found = deserialize(identifier)
    else:
        found = optimizer_registry.get(identifier)
    if isinstance(found, Optimizer):
        return found
    raise ArgumentError(
        f"Cannot interpret {identifier!r} as an optimizer: pass a name such as 'adam', "
        "or an optimizer of lamina or Optax."
    )


@filter_traceback
def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Return the config of an optimizer.

    Args:
        optimizer: any optimizer except `OptaxOptimizer`.

    Example:
        >>> serialize(Adam(0.5))["config"]["learning_rate"]
        0.5
    """
    return registry.serialize(optimizer)


@filter_traceback
def deserialize(
    config: dict[str, Any], custom_objects: dict[str, Any] | None = None
) -> Optimizer:
    """Create an optimizer from its config, without its state.

    Args:
        config: a config returned by `serialize`; the class name may be lowercase.
        custom_objects: classes by the name that the config uses.

    Example:
        >>> deserialize({"class_name": "sgd", "config": {"learning_rate": 0.5}})
        SGD(learning_rate=0.5)
    """
    if not isinstance(config, dict):
        return optimizer_registry.deserialize(config, custom_objects)
    known = optimizer_registry.aliases.get(str(config.get("class_name")))
    if known is not None:
        config = {**config, "class_name": known.__name__}
    return registry.deserialize(config, custom_objects)
