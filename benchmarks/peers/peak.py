"""Lower bound of a step: its matrix products at the speed of one large product."""

from __future__ import annotations

import math
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import numpy as np

import lamina
from benchmarks.claim import Round
from benchmarks.peers.keras_networks import build
from benchmarks.workload import Training

SIZE = 2048
REPEATS = 5


def multiply(quick: bool, training: Training) -> Round:
    """Return a round that gives the time of a step's products at NumPy's speed."""
    operations = training.batch * operations_per_row(build(lamina, training))
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, SIZE, SIZE)).astype(np.float32)
    a @ b

    def one_round() -> dict[str, float]:
        start = perf_counter()
        for _ in range(REPEATS):
            a @ b
        rate = REPEATS * 2 * SIZE**3 / (perf_counter() - start)
        return {"step": operations / rate}

    return one_round


def operations_per_row(model: Any) -> int:
    """Return the operations of a step's products: outputs and two gradients.

    The first layer needs no gradient of its inputs.
    """
    first, *others = products(model)
    return 2 * first + 3 * sum(others)


def products(model: Any) -> Iterator[int]:
    """Yield additions and multiplications of one row in each layer with a kernel."""
    for layer in model.layers:
        kernels = [w for w in layer.trainable_variables if len(w.shape) > 1]
        transposed = "Transpose" in type(layer).__name__
        positions = (layer.input if transposed else layer.output).shape[1:-1]
        if kernels:
            size = sum(math.prod(kernel.shape) for kernel in kernels)
            yield 2 * size * math.prod(positions)
