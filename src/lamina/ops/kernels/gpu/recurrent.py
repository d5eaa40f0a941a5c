"""Forms of recurrences for GPUs."""

from __future__ import annotations

from typing import Any

import jax

from lamina.ops.kernels.cpu.recurrent import cached_gates, is_standard
from lamina.ops.kernels.table import kernel
from lamina.ops.nn.cells import CellSpec, Loop, Run, Weights

__all__ = ["unrolled"]

# Launching a step takes longer than computing it. With 8 steps in a turn of the loop an
# LSTM of 128 units takes half the time; with all 80, a sixth less, and much longer to
# compile.
_TOGETHER = 8


@kernel("recurrence", "gpu", when=is_standard, can=is_standard)
def unrolled(
    rule: CellSpec,
    projected: jax.Array,
    states: list[jax.Array],
    weights: Weights,
    noise: list[Any],
    loop: Loop,
) -> Run:
    """Several steps in each turn of the loop."""
    loop = loop._replace(unroll=loop.unroll or _TOGETHER)
    return cached_gates(rule, projected, states, weights, noise, loop)
