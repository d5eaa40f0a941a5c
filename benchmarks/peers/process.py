"""Measurements of whole processes: start, import, first compilation."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.claim import Round, load_claim
from benchmarks.worker import Worker


def first_epoch(quick: bool, claim: str, peer: str, cache: Mapping[str, str]) -> Round:
    """Return a round that times the start and first round of two processes.

    `cache` names the environment variables that place the peer's compile cache; each
    "{folder}" in them becomes a new, empty folder, which the second start finds filled.
    """

    def seconds(environment: Mapping[str, str]) -> float:
        contestant = replace(load_claim(claim).peer(peer), environment=environment)
        with Worker(claim, contestant, quick) as worker:
            worker.round()
            return perf_counter() - worker.started

    def one_round() -> dict[str, float]:
        with TemporaryDirectory() as folder:
            environment = {
                name: value.format(folder=folder) for name, value in cache.items()
            }
            return {"first": seconds(environment), "second": seconds(environment)}

    return one_round


def start(quick: bool, code: str) -> Round:
    """Return a round that times a new interpreter running `code`."""

    def one_round() -> dict[str, float]:
        begin = perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return {"start": perf_counter() - begin}

    return one_round
