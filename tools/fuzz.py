"""Load valid files and configs after random damage.

    python -m tools.fuzz                        10,000 inputs of each format
    python -m tools.fuzz keras weights -n 1000  of two formats
    python -m tools.fuzz config --replay 4711   one input again, with its traceback

Each input must load or raise a `LaminaError`. Any other exception, more than five
seconds, more than a gigabyte of memory, or the end of the process is a finding. The
tool prints findings and, with --keep, writes their inputs to a folder. Input number i
of a format depends only on the format and i.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import queue
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tools.fuzz_inputs import FORMATS, Format

TIME_LIMIT = 5  # seconds
MEMORY_LIMIT = 2**30
EXECUTIONS_PER_WORKER = 20_000
# JAX's caches grow with each trace.
EXECUTIONS_BETWEEN_CACHE_CLEARS = 4_000
# Seconds beyond the limit after which a worker that ignores signals is killed.
GRACE_SECONDS = 10


class Finding(NamedTuple):
    """Input that neither loaded nor raised a `LaminaError`."""

    format: str
    number: int
    outcome: str
    details: str


class _Hang(BaseException):
    """The time limit of an execution has passed."""


def mutated(file_format: Format, number: int) -> Any:
    """Return the input with a number."""
    random = Random(f"{file_format.name}/{number}")
    return file_format.mutate(random, random.choice(file_format.inputs()))


def execute(file_format: Format, number: int, folder: Path) -> tuple[str, str]:
    """Load one input; return the outcome and the details of a finding."""
    from lamina.errors import LaminaError

    data = mutated(file_format, number)
    before = _peak_memory()
    signal.setitimer(signal.ITIMER_REAL, TIME_LIMIT)
    try:
        file_format.run(data, folder)
        outcome, details = "loaded", ""
    except LaminaError as error:
        outcome, details = _refusal(error)
    except _Hang:
        outcome, details = "hang", traceback.format_exc(limit=-20)
    except Exception as error:
        outcome, details = type(error).__name__, traceback.format_exc(limit=-20)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if _peak_memory() - before > MEMORY_LIMIT:
        outcome, details = "memory", f"{_peak_memory() - before:,} bytes"
    return outcome, details


def _refusal(error: Exception) -> tuple[str, str]:
    """Return the outcome for a `LaminaError`, which names the first cause, if any."""
    last: Any = error
    cause: Any = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return "memory", traceback.format_exc(limit=-20)
        last, cause = cause, cause.__cause__
    return "refused" if last is error else f"refused by {type(last).__name__}", ""


def is_finding(outcome: str) -> bool:
    """Return whether an outcome is a finding."""
    return outcome != "loaded" and not outcome.startswith("refused")


def _peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _on_alarm(*_: Any) -> None:
    raise _Hang


def _bound_memory() -> None:
    """Make large allocations raise MemoryError instead of exhausting the machine."""
    used = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    limit = used + 3 * MEMORY_LIMIT
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def work(
    name: str, numbers: range, deadline: float, current: Any, results: Any
) -> None:
    """Execute inputs in a worker process and report the results."""
    signal.signal(signal.SIGALRM, _on_alarm)
    os.environ["LAMINA_COMPILE_CACHE"] = "off"
    import jax

    import lamina

    lamina.config.set_memory_limit(MEMORY_LIMIT // 4)
    file_format = FORMATS[name]
    outcomes: Counter[str] = Counter()
    file_format.inputs()
    _bound_memory()
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            if time.monotonic() > deadline:
                break
            current.value = number
            if number % EXECUTIONS_BETWEEN_CACHE_CLEARS == 0:
                jax.clear_caches()
            outcome, details = execute(file_format, number, Path(folder))
            outcomes[outcome] += 1
            if is_finding(outcome):
                results.put(Finding(name, number, outcome, details))
    results.put(outcomes)


def fuzz(
    name: str, first: int, count: int, deadline: float = math.inf
) -> Iterator[Finding | Counter[str]]:
    """Execute inputs of a format in worker processes, replacing those that fail."""
    context = multiprocessing.get_context("spawn")
    number, end = first, first + count
    while number < end and time.monotonic() < deadline:
        numbers = range(number, min(number + EXECUTIONS_PER_WORKER, end))
        current = context.Value("q", number, lock=False)
        results = context.Queue()
        worker = context.Process(
            target=work, args=(name, numbers, deadline, current, results)
        )
        worker.start()
        for item in _watched(worker, current, results):
            if isinstance(item, str):
                yield Finding(name, current.value, item, "")
                yield Counter({"loaded or refused": current.value - number, item: 1})
                number = current.value + 1
                break
            yield item
        else:
            number = numbers.stop
        worker.kill()
        worker.join()


def _watched(worker: Any, current: Any, results: Any) -> Iterator[Any]:
    """Yield the results of a worker; if it fails, the last one is the reason."""
    seen, since = current.value, time.monotonic() + 60
    while True:
        try:
            item = results.get(timeout=0.2)
            yield item
            if isinstance(item, Counter):
                return
        except queue.Empty:
            if not worker.is_alive() and results.empty():
                yield f"ended with {worker.exitcode}"
                return
        if current.value != seen:
            seen, since = current.value, time.monotonic()
        elif time.monotonic() - since > TIME_LIMIT + GRACE_SECONDS:
            yield "hang that ignores signals"
            return


def show(name: str, outcomes: Counter[str], started: float) -> None:
    """Print the number of executions of a format and their outcomes."""
    done = sum(outcomes.values())
    speed = done / (time.monotonic() - started)
    summary = ", ".join(f"{count:,} {end}" for end, count in outcomes.most_common())
    print(
        f"{name}: {done:,} executions ({summary}), {speed:.0f} per second", flush=True
    )


def write_finding(finding: Finding, folder: Path) -> None:
    """Write the input and the traceback of a finding to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    data = mutated(FORMATS[finding.format], finding.number)
    text = data if isinstance(data, bytes) else json.dumps(data, default=repr).encode()
    stem = folder / f"{finding.format}-{finding.number}"
    stem.with_suffix(".input").write_bytes(text)
    stem.with_suffix(".txt").write_text(f"{finding.outcome}\n{finding.details}")


def replay(name: str, number: int) -> None:
    """Load one input in this process, without catching errors."""
    with tempfile.TemporaryDirectory() as folder:
        FORMATS[name].run(mutated(FORMATS[name], number), Path(folder))


def main() -> int:
    """Run the tool; return 1 if there are findings."""
    parser = argparse.ArgumentParser(description="Damage files and load them.")
    parser.add_argument("formats", nargs="*", choices=[*FORMATS, []])
    parser.add_argument("-n", type=int, default=10_000, help="inputs of each format")
    parser.add_argument(
        "-s", type=float, default=math.inf, help="time limit of each format in seconds"
    )
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--keep", type=Path, help="folder for the inputs of findings")
    parser.add_argument("--replay", type=int, help="load only this input")
    args = parser.parse_args()
    names = args.formats or list(FORMATS)
    if args.replay is not None:
        replay(names[0], args.replay)
        return 0
    findings = 0
    for name in names:
        outcomes: Counter[str] = Counter()
        started = time.monotonic()
        for item in fuzz(name, args.first, args.n, started + args.s):
            if isinstance(item, Counter):
                outcomes += item
                show(name, outcomes, started)
                continue
            findings += 1
            last = item.details.strip().splitlines()[-1:] or [""]
            print(
                f"FINDING {item.format} {item.number}: {item.outcome} {last[0][:200]}"
            )
            if args.keep:
                write_finding(item, args.keep)
    print(f"{findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
