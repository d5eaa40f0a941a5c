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
    applications,
    bfloat16,
    bounding_boxes,
    functions,
    initializers,
    layers,
    layers_image,
    losses,
    masks,
    metrics,
    models,
    ops_ctc,
    ops_image,
    optimizers,
    penalties,
    schedules,
)
from tests.tables.cases import LayerCase, SmallCase

ORACLES = Path(__file__).parent


class Family(NamedTuple):
    observe: Callable[[Any, Any], observe.Observed]
    cases: Sequence[Any]


class Objects(NamedTuple):
    """Cases that construct objects of one module of Keras."""

    module: str
    cases: Sequence[Any]


LAYERS = {f"layers.{name}": table for name, table in layers.TABLES.items()}
OBJECTS = {
    **{name: Objects("layers", table) for name, table in LAYERS.items()},
    "losses": Objects("losses", losses.LOSSES),
    "metrics": Objects("metrics", metrics.METRICS),
    "optimizers": Objects("optimizers", optimizers.OPTIMIZERS),
    "schedules": Objects("optimizers.schedules", schedules.SCHEDULES),
    "initializers": Objects("initializers", initializers.INITIALIZERS),
    "regularizers": Objects("regularizers", penalties.REGULARIZERS),
    "constraints": Objects("constraints", penalties.CONSTRAINTS),
}
CONFIG_TABLES = {
    f"configs.{name}": [
        case._replace(name=f"{objects.module}.{case.name}")
        for case in objects.cases
        if "code" not in getattr(case, "traits", ())
    ]
    for name, objects in OBJECTS.items()
}
CONFIGS = [case for table in CONFIG_TABLES.values() for case in table]
MODULES = sorted({objects.module for objects in OBJECTS.values()})

FAMILIES = {
    "activations": Family(observe.activation, activations.ACTIVATIONS),
    "applications": Family(observe.result, applications.OUTPUTS),
    "bounding_boxes": Family(observe.compiled_result, bounding_boxes.BOUNDING_BOXES),
    "constraints": Family(observe.constraint, penalties.CONSTRAINTS),
    "functions": Family(observe.result, functions.FUNCTIONS),
    "image_transforms": Family(observe.compiled_result, layers_image.TRANSFORMS),
    "initializers": Family(observe.initializer, initializers.CONSTANT),
    "losses": Family(observe.loss, losses.LOSSES),
    "masks": Family(observe.mask, masks.MASKS),
    "metrics": Family(observe.metric, metrics.METRICS),
    "models": Family(observe.model, models.MODELS),
    "ops_ctc": Family(observe.compiled_result, ops_ctc.CTC_OPS),
    "ops_image": Family(observe.compiled_result, ops_image.IMAGE_OPS),
    "optimizers": Family(observe.optimizer, optimizers.OPTIMIZERS),
    "regularizers": Family(observe.regularizer, penalties.REGULARIZERS),
    "schedules": Family(observe.schedule, schedules.SCHEDULES),
    "spectral_initializers": Family(observe.spectrum, initializers.SPECTRAL),
    **{name: Family(observe.layer, table) for name, table in LAYERS.items()},
}

# Contents of the files that Keras writes, and the arguments that it accepts.
FORMATS = {
    **{name: Family(observe.config, cases) for name, cases in CONFIG_TABLES.items()},
    "bfloat16": Family(observe.bfloat16, bfloat16.BFLOAT16),
    "architectures": Family(observe.architecture, applications.STRUCTURES),
    "weight_files": Family(observe.weight_files, applications.FUNCTIONS),
    "signatures": Family(
        observe.accepted,
        [SmallCase(module, operator.attrgetter(module)) for module in MODULES],
    ),
}


@functools.cache
def recorded(family: str) -> dict[str, dict[str, np.ndarray]]:
    """Return the arrays recorded from Keras, by case and name.

    `"layers"` returns those of `"layers.core"` and all other tables of layers.
    """
    by_case: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    for name in [n for n in FAMILIES | FORMATS if f"{n}.".startswith(f"{family}.")]:
        with np.load(ORACLES / f"{name}.npz") as archive:
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
