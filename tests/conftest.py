"""Every test starts from the same state, whatever ran before it."""

from __future__ import annotations

import gc
import os
import signal
from collections import OrderedDict
from collections.abc import Generator, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

# Set before lamina is imported: it reads the variable then. Programs compiled by one
# run are there for the next, also in another checkout; their keys are the programs
# themselves. Deleting the folder only costs time: a third of a run.
CACHES = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
CACHE = CACHES / "lamina-tests" / "xla"
os.environ.setdefault("LAMINA_COMPILE_CACHE", str(CACHE))
# Timing selects kernels, and timings differ between runs.
os.environ["LAMINA_AUTOTUNE"] = "off"
# Compiling the training step of an MLP takes 0.3 s instead of 1.6 s. XLA aborts the
# process if it does not know a flag; jaxlib 0.11 and newer lack the second one.
FLAGS = os.environ.get("XLA_FLAGS", "")
QUICKLY = "--xla_cpu_parallel_codegen_split_count=1"
if version("jaxlib").startswith("0.10."):
    QUICKLY += " --xla_cpu_use_fusion_emitters=false"
FEW_OPTIMIZATIONS = "JAX_DISABLE_MOST_OPTIMIZATIONS"
os.environ.update({"XLA_FLAGS": f"{FLAGS} {QUICKLY}", FEW_OPTIMIZATIONS: "true"})

import jax  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

from lamina import config, execution, limits, tracebacks  # noqa: E402
from lamina.core import custom_objects, module  # noqa: E402
from lamina.core.random import seeds  # noqa: E402
from lamina.data.pipeline.dataset import available_cores  # noqa: E402
from lamina.garbage import collection_paused  # noqa: E402
from lamina.runtime import executable  # noqa: E402
from lamina.saving.legacy import config as _  # noqa: E402, F401

# The last module registers a function. If a test imported it first, the function would
# be removed with the test's registered objects.

# Tests that depend on the machine code: kernels and equal bits. They are compiled as
# for users. The laws of other tests hold for any machine code.
FULLY_COMPILED = (
    *("flows/test_same_bits.py", "laws/test_kernels.py"),
    *("unit/ops/kernels", "unit/training/test_loop.py"),
)
# A group for each option, as groups with unknown options are left out.
FULL_OPTIONS = (
    (("xla_cpu_use_fusion_emitters", True),),
    (("xla_cpu_parallel_codegen_split_count", "32"),),
)

# These tests run all checks, as users do. Others have small models and few rows, which
# cause warnings.
CHECKED = (
    *("flows", "laws/test_bad_input.py", "laws/test_docstrings.py", "unit/report"),
    *("unit/training/checks", "unit/training/callbacks/test_monitor.py", "unit/tuning"),
)

# Traces make many objects that stay. With Python's threshold of 700 new objects, the
# collector runs 1,800 times while the image models are built: 7 % of the time.
gc.set_threshold(10_000)

# JAX's caches retain the MLIR context of each program, and each context that exists
# slows down the creation of the next: lowering a program takes 6 ms in a new process,
# and 23 ms after 4,000 programs.
MAX_PROGRAMS = 500
lowered: list[float] = []


def count_lowered(event: str, seconds: float, **_tags: object) -> None:
    if event == "/jax/core/compile/jaxpr_to_mlir_module_duration":
        lowered.append(seconds)


jax.monitoring.register_event_duration_secs_listener(count_lowered)

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than there are cores.

    A worker waits for a tenth of its time: for devices, signals and other processes.
    """
    return available_cores() + 1


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Exclude what stays, such as modules and tests, from garbage collections."""
    with collection_paused():
        result = yield
        gc.freeze()
    return result


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu") and jax.default_backend() != "gpu":
        pytest.skip("needs a GPU")


@pytest.fixture(scope="module", autouse=True)
def optimizations(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compile fully where the result depends on the machine code."""
    path = request.path.relative_to(Path(__file__).parent).as_posix()
    if not path.startswith(FULLY_COMPILED):
        yield
        return
    jax.devices()  # makes XLA read its flags
    optimized = executable._optimized

    def fully_optimized(lowered: Any, wanted: list[Any]) -> Any:
        return optimized(lowered, [*wanted, *FULL_OPTIONS])

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XLA_FLAGS", FLAGS)
        patch.delenv(FEW_OPTIMIZATIONS)
        patch.setattr(executable, "_executables", OrderedDict())
        patch.setattr(executable, "_optimized", fully_optimized)
        jax.clear_caches()  # they do not distinguish these programs
        jax.config.update(FEW_OPTIMIZATIONS.lower(), False)
        yield
        jax.config.update(FEW_OPTIMIZATIONS.lower(), True)
        jax.clear_caches()


@pytest.fixture(autouse=True)
def fresh_state(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Automatic names, seeds, settings and registered objects as in a new process."""
    if len(lowered) > MAX_PROGRAMS:
        jax.clear_caches()
        lowered.clear()
    monkeypatch.setattr(config, "_settings", dict(config._settings))
    path = request.path.relative_to(Path(__file__).parent).as_posix()
    config.set_checks("all" if path.startswith(CHECKED) else "errors")
    monkeypatch.setattr(execution, "_settings", dict(execution._settings))
    monkeypatch.setattr(tracebacks, "_settings", dict(tracebacks._settings))
    monkeypatch.setattr(limits, "_limits", dict(limits._limits))
    custom = dict(custom_objects._custom)
    monkeypatch.setattr(custom_objects, "_custom", custom)
    config.set_dtype_policy(None)
    module.reset_names()
    seeds.set_seed(0)


@pytest.fixture
def keyboard() -> Iterator[None]:
    """Ctrl-C as in a terminal: what a shell runs in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
