"""Build, fit and delete models of one structure in one process."""

from benchmarks.claim import Bar, Claim, Peer, Quantity
from benchmarks.workload import SEED_SMALL

_TASK = {"training": SEED_SMALL, "models": 200, "quick_models": 30}

CLAIM = Claim(
    name="many_models",
    title="784-32-10, 320 rows: 200 models built, fitted, deleted",
    quantities=(
        Quantity("seconds", "a model", "s"),
        Quantity("memory", "growth a model", "KiB", 1 / 1024, ratios=False),
        Quantity("compilations", "compilations a model", "XLA", ratios=False),
    ),
    peers=(
        Peer("lamina", "many:many_models", {"library": "lamina", **_TASK}),
        Peer(
            "Keras-JAX with clear_session",
            "many:many_models",
            {"library": "keras", "clear_session": True, **_TASK},
        ),
    ),
    bars=(
        Bar("grows by less than 50 KiB a model", "memory", plus=50 * 1024),
        Bar("equal models compile once", "compilations", plus=0),
    ),
    rounds=3,
    quick_rounds=1,
    fresh=True,
    notes=("The first model of each process compiles and is not counted.",),
)
