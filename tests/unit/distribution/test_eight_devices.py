"""Runs the tests of `eight_devices` in a process with eight devices."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "eight_devices"
DEVICES = "--xla_force_host_platform_device_count=8"
# Files that run in one process.
TOGETHER = (("equal_results",), ("features",), ("refused", "state"))


def test_every_file_is_run() -> None:
    names = [f"test_{name}" for group in TOGETHER for name in group]
    assert sorted(names) == sorted(path.stem for path in FOLDER.glob("test_*.py"))


@pytest.mark.parametrize("names", TOGETHER, ids="_".join)
def test_on_eight_devices(names: tuple[str, ...]) -> None:
    environment = {**os.environ, "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} {DEVICES}"}
    files = [FOLDER / f"test_{name}.py" for name in names]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n0", *files],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-1000:]
