"""One of several processes ends early: the others end soon, and name it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.unit.distribution.test_processes import SECONDS

PROGRAM = Path(__file__).parent / "processes" / "ends.py"


class Case(NamedTuple):
    """Who ends, how and when, and what the others and its own status say."""

    who: int
    how: str
    when: str
    others: str
    status: int
    count: int = 2


CASES = {
    "killed": Case(2, "kill", "epoch", "unhealthy.*\n2\n", -signal.SIGKILL, 3),
    "exit after a batch": Case(0, "status", "batch", "0 of 2 has ended, but", 1),
    "exit before another step": Case(1, "exit", "after", "1 of 2 has ended, but", 1),
    "exit at the end": Case(1, "exit", "last", "end", 0),
    "error before fit": Case(
        0, "error", "before", "0 of 2 ended by ValueError: bad row. So all", 1
    ),
}


class Ended(NamedTuple):
    """Processes that have ended: their statuses, what they printed, and when."""

    statuses: list[int]
    printed: list[str]
    time: float


def run(case: Case, port: int) -> Ended:
    address, count, who = f"127.0.0.1:{port}", str(case.count), str(case.who)
    running = [
        subprocess.Popen(
            [sys.executable, PROGRAM, address, count, str(i), who, case.how, case.when],
            env=os.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for i in range(case.count)
    ]
    try:
        printed = [p.communicate(timeout=SECONDS)[0] for p in running]
    finally:
        for process in running:
            process.kill()
    return Ended([p.returncode for p in running], printed, time.time())


def free_ports(count: int) -> list[int]:
    """Return different ports: all are open at once."""
    with ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in found]


def check(name: str, ended: Ended) -> None:
    who, _, when, others, status, count = CASES[name]
    statuses, printed, at = ended
    assert statuses[who] == status, (name, printed[who])
    began = float(re.search(r"ends at ([\d.]+)", printed[who])[1])
    print(f"{name}: all ended after {at - began:.1f} s")
    for i in set(range(count)) - {who}:
        assert re.search(others, printed[i], re.DOTALL), (name, printed[i])
        assert (statuses[i] == 0) == (when == "last"), (name, printed[i])


def test_others_end_and_say_why() -> None:
    # Most of the time processes wait for each other, so two cases run at a time.
    with ThreadPoolExecutor(2) as pool:
        ended = pool.map(run, CASES.values(), free_ports(len(CASES)))
        for name, processes in zip(CASES, ended, strict=True):
            check(name, processes)
