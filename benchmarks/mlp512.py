"""Dense network whose step time is dominated by arithmetic."""

from benchmarks.claim import Bar, Claim, Level, Peer, Quantity
from benchmarks.contest import MEMORY, START_AND_MEMORY
from benchmarks.workload import MLP512

CLAIM = Claim(
    name="mlp512",
    title="784-512-512-10, batch 128, 60,000 rows, Adam",
    quantities=(Quantity("step", "a step of fit", "us", 1e6), *START_AND_MEMORY),
    peers=(
        Peer("lamina", "keras_api:fit", {"library": "lamina", "training": MLP512}),
        Peer("JAX scan", "jax_scan:fit", {"training": MLP512}),
        Peer("Keras-JAX", "keras_api:fit", {"library": "keras", "training": MLP512}),
        Peer(
            "Keras-JAX, 25 steps per execution",
            "keras_api:fit",
            {"library": "keras", "training": MLP512, "steps_per_execution": 25},
        ),
        Peer("torch eager", "torch_loop:fit", {"training": MLP512}),
    ),
    bars=(
        Bar("not slower than Keras-JAX", "step", ("Keras-JAX",), factor=1),
        MEMORY,
        Bar("within 1.1 of the hand-written scan", "step", ("JAX scan",), factor=1.1),
    ),
    rounds=5,
    quick_rounds=2,
    level=Level.DEFAULT,
)
