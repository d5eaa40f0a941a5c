"""Process of a peer, and the handle by which the harness requests rounds.

Peers do not share a process: allocators, thread pools and compiler settings of one
would change the times of the others. A worker sleeps on its input between rounds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Self

from benchmarks.claim import Peer
from benchmarks.environments import EnvironmentMissing, python_with

ENVIRONMENT = {
    "KERAS_BACKEND": "jax",
    # Several processes share one GPU.
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}


def _environment(peer: Peer, caches: str) -> dict[str, str]:
    """Return the environment of this process with empty compile caches.

    Bytecode files are allowed, as after an installation by pip.
    """
    ignored = "PYTHONDONTWRITEBYTECODE"
    inherited = {name: value for name, value in os.environ.items() if name != ignored}
    variables = {"XDG_CACHE_HOME": caches, "TORCHINDUCTOR_CACHE_DIR": caches}
    return inherited | ENVIRONMENT | variables | dict(peer.environment)


class PeerMissing(Exception):
    """Peer whose library or one of its dependencies is not installed."""


class PeerFailed(Exception):
    """Peer whose code raised; the message is its traceback."""


class Worker:
    """Running peer; the constructor raises PeerMissing or PeerFailed.

    `started` is the start time of its process. `processor_seconds` is the processor
    time of the process and its ended children until the end of the last round.
    """

    processor_seconds = 0.0

    def __init__(self, claim: str, peer: Peer, quick: bool) -> None:
        try:
            python = python_with(peer.packages) if peer.packages else sys.executable
        except EnvironmentMissing as error:
            raise PeerMissing(str(error)) from error
        options = ["--quick"] if quick else []
        self._caches = TemporaryDirectory(prefix="benchmarks-")
        self.started = perf_counter()
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.serve", claim, peer.name, *options],
            cwd=Path(__file__).parents[1],
            env=_environment(peer, self._caches.name),
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
        self._caches.cleanup()

    def round(self) -> dict[str, float]:
        """Run a round of the peer and return its quantities."""
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
        self.processor_seconds = answer.get("processor_seconds", 0.0)
        return answer["quantities"]
