"""Cost of an epoch by number of epochs."""

from dataclasses import replace

from benchmarks.claim import Claim, Level
from benchmarks.scaling import bars, counted, keras_peers, peer, quantities, tasks
from benchmarks.workload import TABLE

_VARIANTS = tasks(
    {
        counted(epochs, "epoch"): replace(TABLE, epochs=epochs)
        for epochs in (1, 10, 100, 1000)
    }
)

CLAIM = Claim(
    name="scale_epochs",
    title="20-32-1, 1,000 rows, batch 128: an epoch against the number of epochs",
    quantities=quantities(_VARIANTS, "an epoch of fit", "ms", 1e3),
    peers=(
        *keras_peers(_VARIANTS, "epoch"),
        peer("torch eager", "torch_loop:fit", "epoch", _VARIANTS),
        peer("JAX scan", "jax_scan:fit", "epoch", _VARIANTS),
    ),
    bars=bars(_VARIANTS),
    rounds=5,
    level=Level.DEFAULT,
)
