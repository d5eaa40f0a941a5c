"""Training on several devices, with the bytes of the state and of communication."""

from __future__ import annotations

import math
import re
from time import perf_counter
from typing import Any

import jax

import lamina
from benchmarks.claim import Round
from benchmarks.peers.keras_api import compiled
from benchmarks.workload import MLP512
from lamina.distribution import DataParallel, FullySharded
from lamina.runtime import executable

_COLLECTIVE = re.compile(
    r"= (.*?) (?:all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute)"
    r"(?:-start)?\("
)
_ARRAY = re.compile(r"\b[a-z]+?(\d+)\[([\d,]*)\]")


def collectives(program: str) -> list[int]:
    """Return the bytes of the result of each collective operation in HLO text."""

    def size(bits: str, sizes: str) -> int:
        return math.prod(int(n) for n in sizes.split(",") if n) * int(bits) // 8

    return [
        sum(size(*array) for array in _ARRAY.findall(shapes))
        for shapes in _COLLECTIVE.findall(program)
    ]


def _share(arrays: list[Any]) -> float:
    """Return the bytes of arrays on the first device, of all their bytes."""
    device = jax.devices()[0]
    held = sum(
        shard.data.nbytes
        for array in arrays
        for shard in array.addressable_shards
        if shard.device == device
    )
    return held / sum(array.nbytes for array in arrays)


def fit(quick: bool, kind: str, count: int) -> Round:
    """Return a round of training on `count` devices."""
    task = MLP512.at(quick)
    model = compiled(lamina, task)
    (x,), y = task.data(6_400)
    distribution = {"data": DataParallel, "fully": FullySharded}.get(kind)
    if distribution is not None:
        model.fit(x, y, batch_size=task.batch, verbose=0, devices=distribution())
    epochs, steps = 2, 2 * len(x) // task.batch

    def train() -> dict[str, float]:
        begin = perf_counter()
        model.fit(x, y, batch_size=task.batch, epochs=epochs, verbose=0)
        seconds = perf_counter() - begin
        arrays = [v.raw for v in (*model.variables, *model.optimizer.variables)]
        programs = executable._executables  # pyright: ignore[reportPrivateUsage]
        sent = max(sum(collectives(p.as_text())) for p in programs.values())
        return {"step": seconds / steps, "state": _share(arrays), "collective": sent}

    return train
