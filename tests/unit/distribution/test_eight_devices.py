"""Runs the tests of `eight_devices` in a process with eight devices."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "eight_devices"
DEVICES = "--xla_force_host_platform_device_count=8"


@pytest.mark.parametrize("name", sorted(p.stem for p in FOLDER.glob("test_*.py")))
def test_on_eight_devices(name: str) -> None:
    environment = {**os.environ, "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} {DEVICES}"}
    command = (sys.executable, "-m", "pytest", "-q", "-n0", str(FOLDER / f"{name}.py"))
    result = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-1000:]
