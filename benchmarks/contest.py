"""Quantities, peers and targets of the claims about training whole networks."""

from __future__ import annotations

from benchmarks.claim import Bar, Level, Peer, Quantity
from benchmarks.workload import Training

KERAS = "Keras-JAX"
TORCH = ("torch eager", "torch channels_last")
PEAK = "matrix products alone, at NumPy's speed"

START_AND_MEMORY = (
    Quantity("first_round", "process start to end of first epoch", "s"),
    Quantity("peak_memory", "peak memory of the process", "MiB", 1 / 2**20),
)
QUANTITIES = (Quantity("step", "a step of fit", "ms", 1e3), *START_AND_MEMORY)
MEMORY = Bar("at most 1.2 of Keras-JAX's memory", "peak_memory", (KERAS,), 1.2)


def peers(
    training: Training, images: bool = False, by_hand: bool = False
) -> tuple[Peer, ...]:
    """Return the peers that can train the network, lamina first."""
    task = {"training": training}
    found = [
        Peer("lamina", "keras_api:fit", {"library": "lamina", **task}),
        Peer(KERAS, "keras_api:fit", {"library": "keras", **task}),
        Peer(TORCH[0], "torch_loop:fit", task),
    ]
    if images:
        layout = {"channels_last": True}
        found += [
            Peer(TORCH[1], "torch_loop:fit", {**layout, **task}),
            Peer(PEAK, "peak:multiply", task, bound=True),
        ]
    else:
        layout = {}
    if by_hand:
        found.append(Peer("JAX scan", "jax_scan:fit", task, level=Level.DEFAULT))
    return (
        *found,
        Peer(
            "torch.compile",
            "torch_loop:fit",
            {"compiled": True, **layout, **task},
            level=Level.FULL,
        ),
        *other_keras(task),
    )


def other_keras(task: dict[str, object]) -> tuple[Peer, ...]:
    """Return Keras on its other backends."""
    arguments = {"library": "keras", **task}
    return (
        Peer(
            "Keras-torch",
            "keras_api:fit",
            arguments,
            environment={"KERAS_BACKEND": "torch"},
            level=Level.FULL,
        ),
        Peer(
            "Keras-TensorFlow",
            "keras_api:fit",
            arguments,
            environment={"KERAS_BACKEND": "tensorflow"},
            packages=("tensorflow-cpu==2.21.0", "keras==3.15.1"),
            level=Level.FULL,
        ),
    )


def bars(keras: float, torch: float, share: float | None = None) -> tuple[Bar, ...]:
    """Return targets relative to Keras-JAX, the faster torch layout, and the peak."""
    found = [
        Bar(f"{keras:g} times Keras-JAX's speed", "step", (KERAS,), 1 / keras),
        Bar(f"{torch:g} times torch's speed", "step", TORCH, 1 / torch),
        MEMORY,
    ]
    if share:
        text = f"products at {share:.0%} of the machine's peak"
        found.append(Bar(text, "step", (PEAK,), 1 / share))
    return tuple(found)
