"""Cost of a step by number of layers."""

from benchmarks.claim import Claim, Level
from benchmarks.scaling import bars, keras_peers, peer, quantities, tasks
from benchmarks.workload import deep

_VARIANTS = tasks({f"{depth} layers": deep(depth) for depth in (2, 8, 32, 128)})

CLAIM = Claim(
    name="scale_depth",
    title="dense layers of 64, batch 32: a step against depth",
    quantities=quantities(_VARIANTS, "a step of fit", "us", 1e6),
    peers=(
        *keras_peers(_VARIANTS, "step"),
        peer("torch eager", "torch_loop:fit", "step", _VARIANTS),
        peer("JAX scan", "jax_scan:fit", "step", _VARIANTS),
    ),
    bars=bars(_VARIANTS),
    rounds=5,
    level=Level.DEFAULT,
)
