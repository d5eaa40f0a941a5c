"""Autotuner: times the kernels of an op once and selects the fastest.

`Kernel.is_preferred` knows shapes only; which of two kernels is faster also depends on
the machine's caches and libraries. Kernels that are marked `autotuned` are timed,
forward and gradients, for the arguments of a call, as long as that takes a small
fraction of the epoch that is about to be trained. A file stores the results for each
machine.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina import config
from lamina.errors import LaminaError
from lamina.io.files import atomic_write
from lamina.runtime.executable import Program, run_seconds
from lamina.runtime.interrupts import result_of, run_in_thread

# Fraction of the first epoch's time that timing may take.
_TIME_FRACTION = 0.03
# Estimates that decide whether timing starts at all: seconds to compile and run two
# programs, and operations per second of each backend.
_STARTUP_SECONDS = 0.6
_FLOPS_PER_SECOND = {"cpu": 1e11}
_DEFAULT_FLOPS_PER_SECOND = 2e13
# Another kernel rounds differently, so it must be at least 5 % faster.
_REQUIRED_RATIO = 0.95
_MAX_FILE_BYTES = 2**22


class _Cache:
    """Names of kernels by call signature.

    Attributes:
        stored: results of this machine, read from the file; `None` before that.
        used: kernels that this process selected.
        reused: kernels that a resumed run has to use again.
        costs: operations of each call, since networks repeat calls.
    """

    def __init__(self) -> None:
        self.stored: dict[str, str] | None = None
        self.used: dict[str, str] = {}
        self.reused: dict[str, str] = {}
        self.costs: dict[str, float] = {}
        self.lock = threading.Lock()


class _Local(threading.local):
    steps = 0


_cache = _Cache()
_local = _Local()


@contextmanager
def allow_timing(steps: int) -> Iterator[None]:
    """Let kernels be timed in this block, within the budget of an epoch of `steps`."""
    before, _local.steps = _local.steps, steps
    try:
        yield
    finally:
        _local.steps = before


def selected_kernels() -> dict[str, str]:
    """Return the name of the kernel that each autotuned call of this process uses."""
    return dict(_cache.used)


def reuse_kernels(kernels: Mapping[str, str]) -> None:
    """Use these kernels from now on: another kernel may round differently.

    Args:
        kernels: what `selected_kernels` returned in the run that is resumed.
    """
    _cache.reused.update(kernels)


def find_fastest(op: str, kernels: Sequence[Any], call: tuple[Any, ...]) -> str | None:
    """Return the name of the fastest kernel, or `None` if none was timed.

    Args:
        op: the op's name.
        kernels: objects with a `name` and a function `run`, the preferred one first.
        call: the arguments, a named tuple, whose arrays may be traced.
    """
    key, names = _key(op, call), {kernel.name for kernel in kernels}
    with _cache.lock:
        name = _cache.reused.get(key)
        if name is None and config.autotune():
            name = _look_up(key, kernels, call)
        if name is None or name not in names:
            # Recorded too: when this run is resumed, the file may name another kernel.
            _cache.used.setdefault(key, kernels[0].name)
            return None
        _cache.used[key] = name
    return name


def _look_up(key: str, kernels: Sequence[Any], call: tuple[Any, ...]) -> str | None:
    """Return the stored result for this machine, or time the kernels now."""
    if _cache.stored is None:
        _cache.stored = _read()
    names = [kernel.name for kernel in kernels]
    entry = f"{key} by {', '.join(names)}"
    name = _cache.stored.get(entry)
    if name not in names:
        name = _time_kernels(key, kernels, call)
        if name is not None:
            _cache.stored[entry] = name
            _write(_cache.stored)
    return name


def _key(op: str, call: tuple[Any, ...]) -> str:
    words = [
        f"{a.dtype}{list(a.shape)}" if hasattr(a, "dtype") else repr(a) for a in call
    ]
    return f"{op}({', '.join(words)})"


def _time_kernels(
    key: str, kernels: Sequence[Any], call: tuple[Any, ...]
) -> str | None:
    """Return the name of the fastest kernel, or `None` if timing takes too long."""
    if _local.steps == 0 or not _is_affordable(key, kernels[-1].run, call):
        return None
    start, steps = time.perf_counter(), _local.steps
    fastest = kernels[0].name
    bound = least = _run_outside_trace(_seconds, kernels[0].run, call)
    for kernel in kernels[1:]:
        if time.perf_counter() - start > _TIME_FRACTION * steps * least:
            break
        seconds = _run_outside_trace(_seconds, kernel.run, call)
        least = min(least, seconds)
        if seconds < _REQUIRED_RATIO * bound:
            fastest, bound = kernel.name, seconds
    return fastest


def _is_affordable(key: str, run: Callable[..., Any], call: tuple[Any, ...]) -> bool:
    """Return whether an epoch is long enough to pay for timing, by operation count.

    XLA does not count the operations of a library call, so `run` must not be one.
    """
    if key not in _cache.costs:
        _cache.costs[key] = _run_outside_trace(_operations, run, call)
    rate = _FLOPS_PER_SECOND.get(jax.default_backend(), _DEFAULT_FLOPS_PER_SECOND)
    seconds = _local.steps * _cache.costs[key] / rate
    return _TIME_FRACTION * seconds > _STARTUP_SECONDS


def _run_outside_trace(function: Callable[..., float], *args: object) -> float:
    """Call a function in another thread, where JAX is not tracing."""
    return result_of(run_in_thread(function, *args))


def _operations(run: Callable[..., Any], call: tuple[Any, ...]) -> float:
    """Count the operations of a call and its gradients."""
    program, arrays = _with_gradients(run, call)
    shapes = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in arrays]
    costs: Any = jax.jit(program).lower(*shapes).cost_analysis()
    return float(costs.get("flops", 0.0))


def _seconds(run: Callable[..., Any], call: tuple[Any, ...]) -> float:
    """Time a few calls with gradients, and return the shortest time."""
    program, arrays = _with_gradients(run, call)
    # Random values: some processors multiply zeros faster.
    generator = np.random.default_rng(0)
    values = [jnp.asarray(generator.normal(size=a.shape), a.dtype) for a in arrays]
    compiled = Program(program).executable(*values)
    return min(run_seconds(compiled, values, 4))


def _with_gradients(
    run: Callable[..., Any], call: tuple[Any, ...]
) -> tuple[Callable[..., Any], list[Any]]:
    """Return a function of the arrays in `args`, with gradients, and those arrays."""
    make: Any = type(call)
    indices = [i for i, a in enumerate(call) if hasattr(a, "dtype")]
    floating = [i for i in indices if jnp.issubdtype(call[i].dtype, jnp.floating)]

    def function(*arrays: object) -> Any:
        by_index = dict(zip(indices, arrays, strict=True))

        def of_floating(*values: object) -> Any:
            by_index.update(zip(floating, values, strict=True))
            return run(make(*(by_index.get(i, a) for i, a in enumerate(call))))

        y, pullback = jax.vjp(of_floating, *(by_index[i] for i in floating))
        return y, pullback(y)

    return function, [call[i] for i in indices]


def _file() -> Path | None:
    folder = config.cache_folder()
    return None if folder is None else folder / "kernels.json"


def _machine() -> str:
    """Describe what timings depend on besides the call."""
    processor = platform.processor()
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(x for x in lines if x.startswith("model name"))
        processor = processor.partition(":")[2].strip()
    device = jax.devices()[0].device_kind
    return f"{device}, {processor}, {os.cpu_count()} cores, jax {jax.__version__}"


def _read() -> dict[str, str]:
    results = _read_all().get(_machine(), {})
    return {str(k): str(v) for k, v in results.items()}


def _read_all() -> dict[str, dict[str, str]]:
    path = _file()
    content: Any = None
    with suppress(OSError, ValueError, RecursionError):  # a damaged file counts as none
        if path is not None and path.stat().st_size <= _MAX_FILE_BYTES:
            content = json.loads(path.read_text())
    machines = content.items() if isinstance(content, dict) else ()
    return {k: v for k, v in machines if isinstance(v, dict)}


def _write(results: dict[str, str]) -> None:
    """Write this machine's results into the file, if it can be written."""
    path = _file()
    if path is None:
        return
    text = json.dumps({**_read_all(), _machine(): results}, indent=1).encode()
    with suppress(LaminaError, OSError), atomic_write(path, len(text)) as file:
        file.write(text)
