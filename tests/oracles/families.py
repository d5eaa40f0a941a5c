"""Families of oracle cases: the cases, and a function that observes each."""

from __future__ import annotations

import functools
import operator
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

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
from tests.tables.cases import LayerCase, SmallCase

ORACLES = Path(__file__).parent


class Family(NamedTuple):
    observe: Callable[[Any, Any], observe.Observed]
    cases: Sequence[Any]


WITH_CONFIG = {
    "layers": [c for c in layers.WITH_ORACLE if "code" not in c.traits],
    "losses": losses.LOSSES,
    "metrics": metrics.METRICS,
    "optimizers": optimizers.OPTIMIZERS,
    "optimizers.schedules": schedules.SCHEDULES,
    "initializers": initializers.INITIALIZERS,
    "regularizers": penalties.REGULARIZERS,
    "constraints": penalties.CONSTRAINTS,
}
CONFIGS = [
    case._replace(name=f"{kind}.{case.name}")
    for kind, cases in WITH_CONFIG.items()
    for case in cases
]

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

# What Keras writes into files and reads from them.
FORMATS = {
    "configs": Family(observe.config, CONFIGS),
    "signatures": Family(
        observe.accepted,
        [SmallCase(kind, operator.attrgetter(kind)) for kind in WITH_CONFIG],
    ),
}


@functools.cache
def recorded(family: str) -> dict[str, dict[str, np.ndarray]]:
    """Return the arrays recorded from Keras, by case and name."""
    by_case: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    with np.load(ORACLES / f"{family}.npz") as archive:
        for key in archive.files:
            case, _, observed = key.partition("/")
            by_case[case][observed] = archive[key]
    return by_case


def outputs_of(case: LayerCase) -> list[np.ndarray]:
    """Return the output of the first call of a layer."""
    if case.expected is not None:
        return [case.expected]
    first = "call0.output." if case.calls > 1 else "output."
    by_name = recorded("layers")[case.name]
    return [value for name, value in by_name.items() if name.startswith(first)]
