"""Measurements of whole processes: start, import, first compilation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.claim import Round
from benchmarks.worker import PeerMissing


def first_epoch(
    quick: bool,
    target: str,
    cache: Mapping[str, str],
    networks: Sequence[str],
    **arguments: str,
) -> Round:
    """Return a round that times two processes for each network.

    The first starts with an empty compile cache and the second with what it left.

    Args:
        quick: whether to train on fewer rows.
        target: function that returns the round of a network, "module:function".
        cache: environment variables that place the peer's compile cache; each
            "{folder}" in them becomes a new, empty folder.
        networks: names in `benchmarks.one_epoch`.
        **arguments: arguments of the function.
    """
    options = [target, json.dumps(arguments), *(["--quick"] if quick else [])]

    def one_round() -> dict[str, float]:
        times: dict[str, float] = {}
        for network in networks:
            with TemporaryDirectory() as folder:
                variables = {k: v.format(folder=folder) for k, v in cache.items()}
                for start in ("first", "second"):
                    seconds = _seconds_of_epoch([network, *options], variables)
                    times[f"{network} {start}"] = seconds
        return times

    return one_round


def _seconds_of_epoch(options: list[str], variables: Mapping[str, str]) -> float:
    """Return the time from the start of a process to the end of its epoch."""
    begin = perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.one_epoch", *options],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        answer = json.loads(process.stdout.readline() or "{}")
        seconds = perf_counter() - begin
    if "missing" in answer:
        raise PeerMissing(answer["missing"])
    if "loss" not in answer:
        raise RuntimeError(f"benchmarks.one_epoch failed: {options}.")
    return seconds


def start(quick: bool, code: str) -> Round:
    """Return a round that times a new interpreter running `code`."""

    def one_round() -> dict[str, float]:
        begin = perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return {"start": perf_counter() - begin}

    return one_round
