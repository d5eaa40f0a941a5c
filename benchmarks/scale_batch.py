"""Cost of a step by batch size."""

from dataclasses import replace

from benchmarks.claim import Claim, Level
from benchmarks.scaling import bars, keras_peers, peer, quantities, tasks
from benchmarks.workload import SEED

_VARIANTS = tasks(
    {
        f"{batch:,} rows a batch": replace(SEED, batch=batch, rows=200 * batch)
        for batch in (8, 32, 128, 512)
    }
)

CLAIM = Claim(
    name="scale_batch",
    title="784-32-10, 200 steps an epoch: a step against the batch",
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
