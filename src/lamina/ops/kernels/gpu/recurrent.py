"""Forms of recurrences for GPUs."""

from __future__ import annotations

from typing import Any

import jax

from lamina.ops.cells import Loop, Rule, Run, Weights
from lamina.ops.kernels.cpu.recurrent import is_standard, saved_gates
from lamina.ops.kernels.table import lowering

__all__ = ["steps_together"]

# Launching a step takes longer than computing it. With 8 steps in a turn of the loop an
# LSTM of 128 units takes half the time; with all 80, a sixth less, and much longer to
# compile.
_TOGETHER = 8


@lowering("recurrence", "gpu", when=is_standard, can=is_standard)
def steps_together(
    rule: Rule,
    projected: jax.Array,
    states: list[jax.Array],
    weights: Weights,
    noise: list[Any],
    loop: Loop,
) -> Run:
    """Several steps in each turn of the loop."""
    loop = loop._replace(unroll=loop.unroll or _TOGETHER)
    return saved_gates(rule, projected, states, weights, noise, loop)
