"""Cost of a step in data sets of a thousand to a million rows."""

from dataclasses import replace

from benchmarks.claim import Bar, Claim, Level
from benchmarks.scaling import bars, keras_peers, peer, quantities, tasks
from benchmarks.workload import TABLE

_VARIANTS = tasks(
    {
        f"{rows:,} rows": replace(TABLE, rows=rows)
        for rows in (10**3, 10**4, 10**5, 10**6)
    }
)

CLAIM = Claim(
    name="scale_rows",
    title="20-32-1, batch 128: a step against the number of rows",
    quantities=quantities(_VARIANTS, "a step of fit", "us", 1e6),
    peers=(
        *keras_peers(_VARIANTS, "step"),
        peer("torch eager", "torch_loop:fit", "step", _VARIANTS),
        peer("JAX scan", "jax_scan:fit", "step", _VARIANTS),
    ),
    bars=(
        *bars(_VARIANTS),
        Bar(
            "a step among a million rows at most 1.5 of one among ten thousand",
            "1,000,000 rows",
            ("lamina",),
            1.5,
            peer_quantity="10,000 rows",
        ),
    ),
    rounds=3,
    level=Level.DEFAULT,
    notes=(
        "Rows are shuffled. 1,000 rows are eight steps: the call of fit dominates.",
    ),
)
