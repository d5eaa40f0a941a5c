"""Separate environments for peers that cannot be installed with the others.

They are created once in the user's cache folder by venv and pip.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path


class EnvironmentMissing(Exception):
    """Packages that could not be installed; the message has pip's last line."""


def python_with(packages: tuple[str, ...]) -> str:
    """Return the interpreter of an environment with these packages."""
    name = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
    library = re.split(r"[^\w-]", packages[0])[0]
    folder = cache_folder() / f"{library}-{name}"
    if not folder.exists():
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        install(unfinished, packages)
        unfinished.rename(folder)
    return str(folder / "bin" / "python")


def cache_folder() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "lamina" / "benchmarks" / f"python{sys.version_info.minor}"


def install(folder: Path, packages: tuple[str, ...]) -> None:
    venv.create(folder, with_pip=True)
    command = [folder / "bin" / "python", "-m", "pip", "install", "-q", *packages]
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode:
        lines = finished.stderr.strip().splitlines() or ["pip failed"]
        raise EnvironmentMissing(lines[-1])
