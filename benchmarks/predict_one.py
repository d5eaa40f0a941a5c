"""Latency of `predict` and `model(x)` for one row."""

from benchmarks.claim import Bar, Claim, Peer, Quantity
from benchmarks.workload import SEED_SMALL

_TASK = {"training": SEED_SMALL, "calls": 300}

CLAIM = Claim(
    name="predict_one",
    title="784-32-10, one row",
    quantities=(
        Quantity("predict", "predict(x)", "us", 1e6),
        Quantity("call", "numpy.asarray(model(x))", "us", 1e6),
    ),
    peers=(
        Peer("lamina", "keras_api:predict", {"library": "lamina", **_TASK}),
        Peer("jax.jit", "jax_scan:predict", _TASK),
        Peer("Keras-JAX", "keras_api:predict", {"library": "keras", **_TASK}),
        Peer("torch eager", "torch_loop:predict", _TASK),
    ),
    bars=(
        Bar(
            "predict in 0.2 of Keras-JAX's time", "predict", ("Keras-JAX",), factor=0.2
        ),
        Bar("model(x) in 0.2 of Keras-JAX's time", "call", ("Keras-JAX",), factor=0.2),
    ),
    rounds=15,
    quick_rounds=5,
)
