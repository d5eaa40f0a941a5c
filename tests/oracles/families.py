"""What is recorded: for each family, how a case is observed, and the cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tests.oracles import observe
from tests.tables import (
    activations,
    initializers,
    layers,
    losses,
    masks,
    metrics,
    models,
    optimizers,
    penalties,
    schedules,
)


class Family(NamedTuple):
    observe: Callable[[Any, Any], observe.Observed]
    cases: Sequence[Any]


FAMILIES = {
    "activations": Family(observe.activation, activations.ACTIVATIONS),
    "constraints": Family(observe.constraint, penalties.CONSTRAINTS),
    "initializers": Family(observe.initializer, initializers.CONSTANT),
    "layers": Family(observe.layer, layers.WITH_ORACLE),
    "losses": Family(observe.loss, losses.LOSSES),
    "masks": Family(observe.mask, masks.MASKS),
    "metrics": Family(observe.metric, metrics.METRICS),
    "models": Family(observe.model, models.MODELS),
    "optimizers": Family(observe.optimizer, optimizers.OPTIMIZERS),
    "regularizers": Family(observe.regularizer, penalties.REGULARIZERS),
    "schedules": Family(observe.schedule, schedules.SCHEDULES),
    "spectral_initializers": Family(observe.spectrum, initializers.SPECTRAL),
}
