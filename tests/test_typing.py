"""Type checkers and editors see real types in a user's program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "typing"


def test_pyright_accepts_users_programs():
    command = [sys.executable, "-m", "pyright", "-p", str(FOLDER)]
    run = subprocess.run(
        [*command, "--pythonpath", sys.executable], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
