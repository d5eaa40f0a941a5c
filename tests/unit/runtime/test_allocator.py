"""Freed memory is returned to the system."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

KEPT = """
import lamina, os
import numpy as np

def pages():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])

np.ones(1)
before = pages()
array = np.ones(100 * 2**20, np.uint8)
del array
print((pages() - before) * os.sysconf("SC_PAGE_SIZE") / 2**20)
"""


@pytest.mark.skipif(
    "CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="only glibc is set"
)
@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("LAMINA_ALLOCATOR", "", True),
        ("LAMINA_ALLOCATOR", "off", False),
        ("MALLOC_TRIM_THRESHOLD_", "1000000", False),
        ("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=1000000", False),
        ("GLIBC_TUNABLES", "glibc.pthread.rseq=1", True),
    ],
)
def test_freed_memory_is_retained_unless_glibc_is_configured(
    name: str, value: str, kept: bool
) -> None:
    environment = {**os.environ, name: value}
    command = [sys.executable, "-c", KEPT]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    )
    assert (float(done.stdout) > 90) is kept
