"""Cost of epoch and batch callbacks."""

from dataclasses import replace

from benchmarks.claim import Claim, Level
from benchmarks.scaling import bars, counted, keras_peers, quantities
from benchmarks.workload import TABLE

_TRAINING = replace(TABLE, rows=10_000, epochs=10)
_AT_EPOCHS = {
    f"{counted(count, 'callback')} at epochs": {
        "training": _TRAINING,
        "callbacks": count,
    }
    for count in (0, 1, 10, 100)
}
_AT_BATCHES = {
    f"{counted(count, 'callback')} at batches": {
        "training": _TRAINING,
        "callbacks": count,
        "at_batches": True,
    }
    for count in (1, 10, 100)
}
_VARIANTS = _AT_EPOCHS | _AT_BATCHES

CLAIM = Claim(
    name="scale_callbacks",
    title="20-32-1, 10,000 rows, batch 128, 10 epochs: a step against callbacks",
    quantities=(
        *quantities(_AT_EPOCHS, "a step of fit, callbacks at epochs", "us", 1e6),
        *quantities(_AT_BATCHES, "a step of fit, callbacks at batches", "us", 1e6),
    ),
    peers=keras_peers(_VARIANTS, "step"),
    bars=bars(_VARIANTS),
    rounds=5,
    level=Level.DEFAULT,
)
