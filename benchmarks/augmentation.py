"""Augmentation of images by layers of the model, inside `fit`."""

from benchmarks.claim import Bar, Claim, Level, Peer
from benchmarks.contest import KERAS, MEMORY, QUANTITIES
from benchmarks.workload import AUGMENTATION

TASK = {"training": AUGMENTATION}

CLAIM = Claim(
    name="augmentation",
    title="flip, rotation, zoom and contrast of 96x96x3, batch 128",
    quantities=QUANTITIES,
    peers=(
        Peer("lamina", "keras_api:fit", {"library": "lamina", **TASK}),
        Peer(KERAS, "keras_api:fit", {"library": "keras", **TASK}),
    ),
    bars=(Bar("at most half of Keras-JAX's time", "step", (KERAS,), 0.5), MEMORY),
    rounds=5,
    quick_rounds=2,
    level=Level.DEFAULT,
)
