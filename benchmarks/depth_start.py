"""Time to the first step of networks with many layers."""

from dataclasses import replace

from benchmarks.claim import Claim, Level
from benchmarks.scaling import bars, keras_peers, peer, quantities, tasks
from benchmarks.workload import deep

_VARIANTS = tasks(
    {f"{depth} layers": replace(deep(depth), rows=32) for depth in (2, 8, 32, 128)}
)

CLAIM = Claim(
    name="depth_start",
    title="dense layers of 64, built, compiled, trained for one step of 32 rows",
    quantities=quantities(_VARIANTS, "time to the first step", "s", 1),
    peers=(
        *keras_peers(_VARIANTS, "step", "first_step"),
        peer("torch eager", "torch_loop:first_step", "step", _VARIANTS),
    ),
    bars=bars(_VARIANTS),
    rounds=3,
    fresh=True,
    level=Level.DEFAULT,
    notes=("New processes with empty compile caches; imports are not counted.",),
)
