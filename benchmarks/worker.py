"""A peer's own process, and the handle by which the harness asks it for rounds.

Peers don't share a process: allocators, thread pools and compiler settings of one
would change the times of the others. A worker sleeps on its input between rounds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

ENVIRONMENT = {
    "KERAS_BACKEND": "jax",
    # Several processes share one GPU.
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}


def _inherited() -> dict[str, str]:
    """This process's environment, but bytecode is kept as it is once pip installed."""
    ignored = "PYTHONDONTWRITEBYTECODE"
    return {name: value for name, value in os.environ.items() if name != ignored}


class PeerMissing(Exception):
    """The peer's library is not installed."""


class PeerFailed(Exception):
    """The peer's code raised; the message is its traceback."""


class Worker:
    """A running peer, set up; raises PeerMissing or PeerFailed if it can't be."""

    def __init__(
        self, claim: str, peer: str, quick: bool, environment: Mapping[str, str]
    ) -> None:
        options = ["--quick"] if quick else []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.serve", claim, peer, *options],
            cwd=Path(__file__).parents[1],
            env=_inherited() | ENVIRONMENT | dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        try:
            self.round()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def round(self) -> dict[str, float]:
        """Has the peer do a round; returns its quantities."""
        assert self._process.stdin and self._process.stdout
        try:
            print("round", file=self._process.stdin, flush=True)
            answer = json.loads(self._process.stdout.readline() or "{}")
        except BrokenPipeError:
            answer = {}
        if "missing" in answer:
            raise PeerMissing(answer["missing"])
        if "quantities" not in answer:
            raise PeerFailed(answer.get("failed", "The process ended unexpectedly."))
        return answer["quantities"]
