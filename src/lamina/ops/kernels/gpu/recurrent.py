"""Recurrence kernels for GPUs."""

from __future__ import annotations

from lamina.ops.kernels.calls import RecurrenceCall
from lamina.ops.kernels.cpu.recurrent import cached_gates, is_standard
from lamina.ops.kernels.table import register_kernel
from lamina.ops.nn.cells import Run

# Launching a step takes longer than computing it. An LSTM of 128 units and 80 steps
# takes half the time with 8 unrolled steps. With all 80 it takes a sixth less than
# that, and far longer to compile.
_UNROLLED_STEPS = 8


@register_kernel(
    "recurrence",
    "gpu",
    "Several steps in each iteration of the loop need fewer kernel launches.",
    supports=is_standard,
)
def unrolled(call: RecurrenceCall) -> Run:
    """Run `cached_gates` with several steps in each iteration of the loop."""
    loop = call.loop._replace(unroll=call.loop.unroll or _UNROLLED_STEPS)
    return cached_gates(call._replace(loop=loop))
