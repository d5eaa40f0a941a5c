"""Everything public has a case in a table."""

from __future__ import annotations

import inspect

import pytest

import lamina
from tests.tables.activations import ACTIVATIONS, SPARSEMAX
from tests.tables.initializers import INITIALIZERS
from tests.tables.layers import LAYERS
from tests.tables.losses import LOSSES
from tests.tables.metrics import METRICS
from tests.tables.optimizers import OPTIMIZERS
from tests.tables.penalties import CONSTRAINTS, REGULARIZERS
from tests.tables.schedules import SCHEDULES

# Bases that users extend, what is no layer of its own, and what wraps another
# library's layer or optimizer.
BASES = {
    *("Layer", "Loss", "Metric", "Optimizer", "LearningRateSchedule"),
    *("Initializer", "Regularizer", "Constraint", "InputLayer", "InputSpec"),
    *("OptaxOptimizer", "OptimizerMap", "Wrapper"),
    *("FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"),
}
TABLES = {
    "layers": LAYERS,
    "losses": LOSSES,
    "metrics": METRICS,
    "optimizers": OPTIMIZERS,
    "optimizers.schedules": SCHEDULES,
    "initializers": INITIALIZERS,
    "regularizers": REGULARIZERS,
    "constraints": CONSTRAINTS,
}


def public(module, is_kind):
    found = lamina
    for part in module.split("."):
        found = getattr(found, part)
    return {
        name: getattr(found, name)
        for name in found.__all__
        if is_kind(getattr(found, name))
    }


@pytest.mark.parametrize("module", TABLES)
def test_every_public_class_has_a_case(module):
    made = {type(case.make(lamina)) for case in TABLES[module]}
    classes = public(module, inspect.isclass)
    missing = {n for n, c in classes.items() if c not in made and n not in BASES}
    assert missing == set(), f"add cases to tests/tables for lamina.{module}"


def test_every_activation_has_a_case():
    tested = {case.name for case in [*ACTIVATIONS, *SPARSEMAX]}
    missing = {
        name
        for name in public("activations", inspect.isfunction)
        if name not in ("get", "serialize", "deserialize")
        and not any(t == name or t.startswith(f"{name}_") for t in tested)
    }
    assert missing == set()
