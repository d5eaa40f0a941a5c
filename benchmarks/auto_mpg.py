"""Auto MPG: an epoch on a small table, dominated by the cost outside the steps."""

from benchmarks.claim import Bar, Claim, Peer, Quantity
from benchmarks.contest import MEMORY, START_AND_MEMORY
from benchmarks.workload import AUTO_MPG

_TASK = {"training": AUTO_MPG}

CLAIM = Claim(
    name="auto_mpg",
    title="9-64-64-1, batch 32, 314 rows, RMSprop, 1,000 epochs",
    quantities=(Quantity("epoch", "an epoch of fit", "ms", 1e3), *START_AND_MEMORY),
    peers=(
        Peer("lamina", "keras_api:fit", {"library": "lamina", **_TASK}),
        Peer("JAX scan", "jax_scan:fit", _TASK),
        Peer("Keras-JAX", "keras_api:fit", {"library": "keras", **_TASK}),
        Peer(
            "Keras-JAX, 10 steps per execution",
            "keras_api:fit",
            {"library": "keras", "steps_per_execution": 10, **_TASK},
        ),
        Peer("torch eager", "torch_loop:fit", _TASK),
    ),
    bars=(
        Bar("8 times faster than Keras-JAX", "epoch", ("Keras-JAX",), factor=1 / 8),
        Bar(
            "15 times faster than torch eager", "epoch", ("torch eager",), factor=1 / 15
        ),
        MEMORY,
    ),
    rounds=5,
    quick_rounds=2,
    notes=("The JAX scan runs all epochs as one program: a lower bound.",),
)
