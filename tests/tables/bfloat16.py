"""The other tables' calls, with bfloat16 in place of float32."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tests.tables.activations import ACTIVATIONS, INPUTS
from tests.tables.cases import ActivationCase, LossCase, Make, MetricCase
from tests.tables.losses import LOSSES
from tests.tables.metrics import METRICS
from tests.tables.ops import ATTENTION, CASES, LOSSES_AND_NORMS, REDUCTIONS, OpCase


class Call(NamedTuple):
    """A call, and its result in float32.

    Args:
        name: name of the case.
        make: makes the call, given the package.
        expected: the formula, or family, case and name of a recorded array; `None` if
            only the type of the result is compared.
    """

    name: str
    make: Make
    expected: Callable[[], Any] | tuple[str, str, str] | None = None


class Calls(NamedTuple):
    """Calls of one table."""

    name: str
    calls: list[Call]


def is_float32(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.float32


def low(tree: Any) -> Any:
    return jax.tree.map(
        lambda v: jnp.asarray(v, jnp.bfloat16) if is_float32(v) else v, tree
    )


def activation(case: ActivationCase) -> Call:
    return Call(
        case.name,
        lambda k: case.make(k)(low(INPUTS)),
        ("activations", case.name, "output"),
    )


def loss(case: LossCase) -> Call:
    def make(k: Any) -> Any:
        y_true, y_pred, weights = low((case.y_true, case.y_pred, case.sample_weight))
        return case.make(k)(y_true, y_pred, sample_weight=weights)

    return Call(case.name, make, ("losses", case.name, "value"))


def loss_function(case: LossCase) -> Call:
    # No number of 16 bits is so near to 1 that its logarithm is finite.
    key = ("losses", case.name, "each")
    if case.name == "binary_sure":
        key = ("bfloat16", "loss_functions", case.name)
    return Call(
        case.name, lambda k: case.function(k)(*low((case.y_true, case.y_pred))), key
    )


def metric(case: MetricCase) -> Call:
    def make(k: Any) -> Any:
        # Variables that are made and assigned in a trace.
        with k.StatelessScope() if k.__name__ == "lamina" else nullcontext():
            subject = case.make(k)
            for update in case.updates:
                arguments, weight = low((update.arguments, update.sample_weight))
                subject.update_state(*arguments, sample_weight=weight)
            return subject.result()

    return Call(
        case.name, make, ("metrics", case.name, f"result{len(case.updates) - 1}")
    )


# The values of the other ops are those of functions of JAX.
COMPARED_OPS = {case.label for case in [*REDUCTIONS, *LOSSES_AND_NORMS, *ATTENTION]}


def op(case: OpCase) -> Call:
    return Call(
        case.label,
        lambda k: getattr(k.ops, case.name)(*low(case.args), **case.kwargs),
        partial(case.oracle, *case.args) if case.label in COMPARED_OPS else None,
    )


HOST_ONLY = {"bincount", "convert_to_numpy", "nonzero", "unique", "unstack"}
OPS = {
    case.label: case
    for case in reversed(CASES)
    if case.name not in HOST_ONLY and any(map(is_float32, jax.tree.leaves(case.args)))
}
BFLOAT16 = [
    Calls("activations", [*map(activation, ACTIVATIONS)]),
    Calls("losses", [*map(loss, LOSSES)]),
    Calls(
        "loss_functions", [*map(loss_function, filter(lambda c: c.function, LOSSES))]
    ),
    Calls("metrics", [*map(metric, METRICS)]),
    Calls("ops", [*map(op, OPS.values())]),
]
