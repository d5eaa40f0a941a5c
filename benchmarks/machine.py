"""Context of a result: processor, device, versions, commit."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("lamina", "jax", "jaxlib", "keras", "torch", "numpy")

_DEVICE = """
import json, jax
device = jax.devices()[0]
print(json.dumps({"platform": device.platform, "device": device.device_kind}))
"""


def describe() -> dict[str, object]:
    """Return processor, cores, memory, load, and JAX's default device."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(
            os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        ),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 2),
        **device(),
    }


def busy_seconds() -> float:
    """Return the processor time of all processes since the machine started."""
    first = Path("/proc/stat").read_text().partition("\n")[0]
    user, nice, system = (int(ticks) for ticks in first.split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def processor() -> str:
    """Return the processor's name, family and model; clouds may hide the name."""
    text = Path("/proc/cpuinfo").read_text()

    def field(name: str) -> str:
        found = re.search(rf"^{name}\s*: (.*)$", text, re.MULTILINE)
        return found[1].strip() if found else "unknown"

    return f"{field('model name')} {field('cpu family')}/{field('model')}"


def device() -> dict[str, str]:
    """Query the device in a separate process, because JAX would occupy a GPU."""
    command = [sys.executable, "-c", _DEVICE]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output)


def versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {
        package: installed_version(package) for package in PACKAGES
    }


def installed_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def commit() -> str:
    """Return the commit, with a plus if the working tree differs."""
    command = ["git", "describe", "--always", "--dirty=+"]
    root = Path(__file__).parent
    finished = subprocess.run(command, cwd=root, capture_output=True, text=True)
    return finished.stdout.strip() or "unknown"


def slug(machine: dict[str, object]) -> str:
    """Return a part of a file name: the GPU, or the processor and its cores."""
    if machine["platform"] == "gpu":
        name = str(machine["device"])
    else:
        name = f"{machine['processor']} {machine['cores']} cores"
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
