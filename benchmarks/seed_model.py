"""The seed model: a step within an epoch of `fit`."""

from benchmarks.claim import Bar, Claim, Peer, Quantity
from benchmarks.contest import MEMORY, START_AND_MEMORY
from benchmarks.workload import SEED

CLAIM = Claim(
    name="seed_model",
    title="784-32-10, batch 32, 60,000 rows, Adam",
    quantities=(Quantity("step", "a step of fit", "us", 1e6), *START_AND_MEMORY),
    peers=(
        Peer("lamina", "keras_api:fit", {"library": "lamina", "training": SEED}),
        Peer("JAX scan", "jax_scan:fit", {"training": SEED}),
        Peer("Keras-JAX", "keras_api:fit", {"library": "keras", "training": SEED}),
        Peer(
            "Keras-JAX, 25 steps per execution",
            "keras_api:fit",
            {"library": "keras", "training": SEED, "steps_per_execution": 25},
        ),
        Peer("torch eager", "torch_loop:fit", {"training": SEED}),
    ),
    bars=(
        Bar("2.5 times faster than Keras-JAX", "step", ("Keras-JAX",), factor=1 / 2.5),
        Bar("6 times faster than torch eager", "step", ("torch eager",), factor=1 / 6),
        MEMORY,
        Bar("within 1.15 of the hand-written scan", "step", ("JAX scan",), factor=1.15),
        Bar("below 45 us a step on a GPU", "step", plus=45e-6, platform="gpu"),
    ),
    notes=(
        "Keras-JAX has its default settings. It is fastest here with "
        "steps_per_execution, which skips callbacks and logs between steps.",
    ),
)
