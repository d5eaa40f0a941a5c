"""Memory of a process, and its growth."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def resident_bytes() -> int:
    """Return the resident memory of this process in bytes (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


def peak_bytes() -> int:
    """Return the peak resident memory of this process in bytes (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def growth_rate(samples: Sequence[float]) -> float:
    """Return the least-squares growth per sample.

    The first fifth is omitted, because pools that fill once are not a leak.
    """
    settled = np.asarray(samples[len(samples) // 5 :], np.float64)
    return float(np.polyfit(np.arange(len(settled)), settled, 1)[0])
