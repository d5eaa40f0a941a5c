"""One of several processes ends early: the others end soon, and name it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.unit.distribution.test_processes import SECONDS, free_port

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
    "exit after a batch": Case(0, "status", "batch", "0 of 2 has ended, but", 1),
    "exit before another step": Case(1, "exit", "after", "1 of 2 has ended, but", 1),
    "exit at the end": Case(1, "exit", "last", "end", 0),
    "error before fit": Case(
        0, "error", "before", "0 of 2 ended by ValueError: bad row. So all", 1
    ),
    "killed": Case(2, "kill", "epoch", "unhealthy.*\n2\n", -signal.SIGKILL, 4),
}


@pytest.mark.parametrize("name", CASES)
def test_others_end_and_say_why(name: str) -> None:
    who, how, when, others, status, count = CASES[name]
    address = f"127.0.0.1:{free_port()}"
    running = [
        subprocess.Popen(
            [sys.executable, PROGRAM, address, *map(str, (count, i, who)), how, when],
            env=os.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for i in range(count)
    ]
    try:
        printed = [p.communicate(timeout=SECONDS)[0] for p in running]
    finally:
        for process in running:
            process.kill()
    ended = time.time()
    assert running[who].returncode == status, printed[who]
    began = float(re.search(r"ends at ([\d.]+)", printed[who])[1])
    print(f"{name}: all ended after {ended - began:.1f} s")
    for i in set(range(count)) - {who}:
        assert re.search(others, printed[i], re.DOTALL), printed[i]
        assert (running[i].returncode == 0) == (when == "last")
