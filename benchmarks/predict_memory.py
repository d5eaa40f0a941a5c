"""Memory growth over ten thousand predictions of one row."""

from benchmarks.claim import Bar, Claim, Level, Peer, Quantity
from benchmarks.workload import SEED_SMALL

_TASK = {"training": SEED_SMALL, "calls": 10_000, "quick_calls": 3_000}

CLAIM = Claim(
    name="predict_memory",
    title="784-32-10, one row, 10,000 calls",
    quantities=(
        Quantity("predict", "growth a predict(x)", "bytes", ratios=False),
        Quantity("call", "growth a model(x)", "bytes", ratios=False),
    ),
    peers=(
        Peer("lamina", "keras_api:predict_memory", {"library": "lamina", **_TASK}),
        Peer("Keras-JAX", "keras_api:predict_memory", {"library": "keras", **_TASK}),
    ),
    bars=(
        Bar("predict is flat: under 50 bytes a call", "predict", plus=50),
        Bar("model(x) is flat: under 50 bytes a call", "call", plus=50),
    ),
    rounds=3,
    quick_rounds=1,
    level=Level.DEFAULT,
    fresh=True,
)
