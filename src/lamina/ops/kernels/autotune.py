"""Choosing between close forms by running them: once, and only if that pays.

The table's rules know shapes; which of two close forms wins also depends on caches and
libraries of the machine. So forms that are marked `close` are timed, forward and
gradients, for the arguments of a call, as long as that takes a few hundredths of the
epoch that is about to be trained. Answers are kept in a file for each machine.
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
from lamina.io.files import replacing
from lamina.runtime.executable import Program
from lamina.runtime.interrupts import result_of, run_in_thread

__all__ = ["choices", "fastest", "reuse", "measuring"]

# How much of the first epoch's time may go into measuring.
_SHARE = 0.03
# What two programs take to compile and run, in seconds, and operations in a second:
# only for judging whether to begin.
_SECONDS = 0.6
_RATE = {"cpu": 1e11}
_OTHER_RATE = 2e13
# A form that is hardly faster than the rule's is not worth another result.
_CLEARLY = 0.95
_LARGEST_FILE = 2**22


class _Answers:
    """Names of forms by calls: those of this machine, and those of this process."""

    def __init__(self) -> None:
        self.known: dict[str, str] | None = None
        self.used: dict[str, str] = {}
        self.kept: dict[str, str] = {}
        self.costs: dict[str, float] = {}  # operations, since networks repeat calls
        self.lock = threading.Lock()


class _Local(threading.local):
    steps = 0


_answers = _Answers()
_local = _Local()


@contextmanager
def measuring(steps: int) -> Iterator[None]:
    """In this block, forms may be timed on account of an epoch of so many steps."""
    before, _local.steps = _local.steps, steps
    try:
        yield
    finally:
        _local.steps = before


def choices() -> dict[str, str]:
    """The forms that were chosen between in this process, by calls."""
    return dict(_answers.used)


def reuse(chosen: Mapping[str, str]) -> None:
    """Take these forms from now on, as a run that is taken up again has to."""
    _answers.kept.update(chosen)


def fastest(op: str, forms: Sequence[Any], args: tuple[Any, ...]) -> str | None:
    """The name of the form to take, or `None` if nothing was measured.

    Args:
        op: the op's name.
        forms: objects with a `name` and a function `run`, the rule's choice first.
        args: the arguments of the call, whose arrays may be traced.
    """
    key, names = _key(op, args), {form.name for form in forms}
    with _answers.lock:
        name = _answers.kept.get(key)
        if name is None and config.autotune():
            name = _answer(key, forms, args)
        if name is None or name not in names:
            # Noted too: by the time a run is taken up again, there may be an answer.
            _answers.used.setdefault(key, forms[0].name)
            return None
        _answers.used[key] = name
    return name


def _answer(key: str, forms: Sequence[Any], args: tuple[Any, ...]) -> str | None:
    """What is known on this machine, or found out now."""
    if _answers.known is None:
        _answers.known = _read()
    question = f"{key} by {', '.join(form.name for form in forms)}"
    name = _answers.known.get(question)
    if name not in {form.name for form in forms}:
        name = _measure(key, forms, args)
        if name is not None:
            _answers.known[question] = name
            _write(_answers.known)
    return name


def _key(op: str, args: tuple[Any, ...]) -> str:
    words = [
        f"{a.dtype}{list(a.shape)}" if hasattr(a, "dtype") else repr(a) for a in args
    ]
    return f"{op}({', '.join(words)})"


def _measure(key: str, forms: Sequence[Any], args: tuple[Any, ...]) -> str | None:
    """The name of the fastest form, or `None` if finding out takes too long."""
    if _local.steps == 0 or not _is_worth_it(key, forms[-1].run, args):
        return None
    begin, steps = time.perf_counter(), _local.steps
    best = forms[0].name
    bound = least = _elsewhere(_seconds, forms[0].run, args)
    for form in forms[1:]:
        if time.perf_counter() - begin > _SHARE * steps * least:
            break
        found = _elsewhere(_seconds, form.run, args)
        least = min(least, found)
        if found < _CLEARLY * bound:
            best, bound = form.name, found
    return best


def _is_worth_it(key: str, run: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    """Whether measuring can be paid from an epoch, by the number of operations.

    XLA doesn't know those of a library's call, so the form is not to be one.
    """
    if key not in _answers.costs:
        _answers.costs[key] = _elsewhere(_operations, run, args)
    cost = _answers.costs[key]
    rate = _RATE.get(jax.default_backend(), _OTHER_RATE)
    return _SHARE * _local.steps * cost / rate > _SECONDS


def _elsewhere(function: Callable[..., float], *args: Any) -> float:
    """The result of a function that runs where nothing is being traced."""
    return result_of(run_in_thread(function, *args))


def _operations(run: Callable[..., Any], args: tuple[Any, ...]) -> float:
    """Operations of a call and its gradients."""
    program, arrays = _split(run, args)
    shapes = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in arrays]
    costs: Any = jax.jit(program).lower(*shapes).cost_analysis()
    return float(costs.get("flops", 0.0))


def _seconds(run: Callable[..., Any], args: tuple[Any, ...]) -> float:
    """The least time of a few calls with gradients."""
    program, arrays = _split(run, args)
    # Numbers that differ: some processors multiply zeros faster.
    drawn = np.random.default_rng(0)
    values = [jnp.asarray(drawn.normal(size=a.shape), a.dtype) for a in arrays]
    compiled = Program(program).executable(*values)
    times: list[float] = []
    for _ in range(4):
        begin = time.perf_counter()
        jax.block_until_ready(compiled(*values))
        times.append(time.perf_counter() - begin)
    return min(times)


def _split(
    run: Callable[..., Any], args: tuple[Any, ...]
) -> tuple[Callable[..., Any], list[Any]]:
    """A call with its gradients as a function of its arrays, and those arrays."""
    places = [i for i, a in enumerate(args) if hasattr(a, "dtype")]
    floating = [i for i in places if jnp.issubdtype(args[i].dtype, jnp.floating)]

    def call(*arrays: Any) -> Any:
        every = dict(zip(places, arrays, strict=True))

        def of_floating(*values: Any) -> Any:
            every.update(zip(floating, values, strict=True))
            return run(*(every.get(i, a) for i, a in enumerate(args)))

        y, pull = jax.vjp(of_floating, *(every[i] for i in floating))
        return y, pull(y)

    return call, [args[i] for i in places]


def _file() -> Path | None:
    folder = config.cache_folder()
    return None if folder is None else folder / "kernels.json"


def _machine() -> str:
    """What answers depend on besides the call."""
    processor = platform.processor()
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(x for x in lines if x.startswith("model name"))
        processor = processor.partition(":")[2].strip()
    device = jax.devices()[0].device_kind
    return f"{device}, {processor}, {os.cpu_count()} cores, jax {jax.__version__}"


def _read() -> dict[str, str]:
    answers = _all_answers().get(_machine(), {})
    return {str(k): str(v) for k, v in answers.items()}


def _all_answers() -> dict[str, dict[str, str]]:
    path = _file()
    found: Any = None
    with suppress(OSError, ValueError, RecursionError):  # a damaged file is no harm
        if path is not None and path.stat().st_size <= _LARGEST_FILE:
            found = json.loads(path.read_text())
    known = found.items() if isinstance(found, dict) else ()
    return {k: v for k, v in known if isinstance(v, dict)}


def _write(answers: dict[str, str]) -> None:
    """Add this machine's answers to the file; that it can't be written is no harm."""
    path = _file()
    if path is None:
        return
    text = json.dumps({**_all_answers(), _machine(): answers}, indent=1).encode()
    with suppress(LaminaError, OSError), replacing(path, len(text)) as file:
        file.write(text)
