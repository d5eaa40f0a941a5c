"""Damages valid files and configs at random and loads them.

    python -m tools.fuzz                        10,000 executions of each format
    python -m tools.fuzz keras weights -n 1000  of some formats only
    python -m tools.fuzz config --replay 4711   one execution again, with its error

Whatever comes out must be a loaded model or an error of lamina's. Any other exception,
more than five seconds, more than a gigabyte of memory or the end of the process is a
finding: it is printed and, with --keep, its input is written to a folder. Execution
number i of a format depends only on the format and i.
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

SECONDS = 5
MEMORY = 2**30
EXECUTIONS_PER_WORKER = 20_000
# JAX remembers what it has traced, until it is told to forget.
EXECUTIONS_REMEMBERED = 4_000
# What a worker that answers to no signal has left to notice it.
GRACE = 10


class Finding(NamedTuple):
    """An execution that went wrong."""

    format: str
    number: int
    what: str
    details: str


class _Hang(BaseException):
    """Raised in an execution that takes too long."""


def mutated(form: Format, number: int) -> Any:
    """The input of an execution."""
    random = Random(f"{form.name}/{number}")
    return form.mutate(random, random.choice(form.inputs()))


def execute(form: Format, number: int, folder: Path) -> tuple[str, str]:
    """Run one execution; returns how it ended, and details of a finding."""
    from lamina.errors import LaminaError

    data = mutated(form, number)
    before = _most_memory()
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        form.run(data, folder)
        end, details = "loaded", ""
    except LaminaError as error:
        end, details = _judge(error)
    except _Hang:
        end, details = "hang", traceback.format_exc(limit=-20)
    except Exception as error:
        end, details = type(error).__name__, traceback.format_exc(limit=-20)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if _most_memory() - before > MEMORY:
        end, details = "memory", f"{_most_memory() - before:,} bytes"
    return end, details


def _judge(error: Exception) -> tuple[str, str]:
    """How an error of lamina's is counted: with the error behind it, if any."""
    last: Any = error
    cause: Any = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return "memory", traceback.format_exc(limit=-20)
        last, cause = cause, cause.__cause__
    return "refused" if last is error else f"refused by {type(last).__name__}", ""


def is_finding(end: str) -> bool:
    """Whether an execution ended as it should not."""
    return end != "loaded" and not end.startswith("refused")


def _most_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _on_alarm(*_: Any) -> None:
    raise _Hang


def _bound_memory() -> None:
    """Let what asks for far too much fail at once, before the machine feels it."""
    used = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    most = used + 3 * MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def work(name: str, numbers: range, until: float, current: Any, results: Any) -> None:
    """What a worker does: execute and report."""
    signal.signal(signal.SIGALRM, _on_alarm)
    os.environ["LAMINA_COMPILE_CACHE"] = "off"
    import jax

    import lamina

    lamina.config.set_memory_limit(MEMORY // 4)
    form = FORMATS[name]
    ends: Counter[str] = Counter()
    form.inputs()
    _bound_memory()
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            if time.monotonic() > until:
                break
            current.value = number
            if number % EXECUTIONS_REMEMBERED == 0:
                jax.clear_caches()
            end, details = execute(form, number, Path(folder))
            ends[end] += 1
            if is_finding(end):
                results.put(Finding(name, number, end, details))
    results.put(ends)


def fuzz(
    name: str, first: int, count: int, until: float = math.inf
) -> Iterator[Finding | Counter[str]]:
    """Executions of one format in workers that are watched and replaced."""
    context = multiprocessing.get_context("spawn")
    number, end = first, first + count
    while number < end and time.monotonic() < until:
        numbers = range(number, min(number + EXECUTIONS_PER_WORKER, end))
        current = context.Value("q", number, lock=False)
        results = context.Queue()
        worker = context.Process(
            target=work, args=(name, numbers, until, current, results)
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
    """A worker's results until it is done; the reason, if it ends otherwise."""
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
        elif time.monotonic() - since > SECONDS + GRACE:
            yield "hang that no signal ends"
            return


def show(name: str, ends: Counter[str], started: float) -> None:
    """Print how far a format is."""
    done = sum(ends.values())
    speed = done / (time.monotonic() - started)
    parts = ", ".join(f"{count:,} {end}" for end, count in ends.most_common())
    print(f"{name}: {done:,} executions ({parts}), {speed:.0f} a second", flush=True)


def keep(finding: Finding, folder: Path) -> None:
    """Write a finding's input, and what happened, to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    data = mutated(FORMATS[finding.format], finding.number)
    text = data if isinstance(data, bytes) else json.dumps(data, default=repr).encode()
    stem = folder / f"{finding.format}-{finding.number}"
    stem.with_suffix(".input").write_bytes(text)
    stem.with_suffix(".txt").write_text(f"{finding.what}\n{finding.details}")


def replay(name: str, number: int) -> None:
    """Run one execution in this process and let its error through."""
    with tempfile.TemporaryDirectory() as folder:
        FORMATS[name].run(mutated(FORMATS[name], number), Path(folder))


def main() -> int:
    """Run the tool; returns 1 if there were findings."""
    parser = argparse.ArgumentParser(description="Damage files and load them.")
    parser.add_argument("formats", nargs="*", choices=[*FORMATS, []])
    parser.add_argument(
        "-n", type=int, default=10_000, help="executions of each format"
    )
    parser.add_argument(
        "-s", type=float, default=math.inf, help="seconds for each format at most"
    )
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--keep", type=Path, help="folder for the inputs of findings")
    parser.add_argument("--replay", type=int, help="run only this execution")
    given = parser.parse_args()
    names = given.formats or list(FORMATS)
    if given.replay is not None:
        replay(names[0], given.replay)
        return 0
    findings = 0
    for name in names:
        ends: Counter[str] = Counter()
        started = time.monotonic()
        for item in fuzz(name, given.first, given.n, started + given.s):
            if isinstance(item, Counter):
                ends += item
                show(name, ends, started)
                continue
            findings += 1
            last = item.details.strip().splitlines()[-1:] or [""]
            print(f"FINDING {item.format} {item.number}: {item.what} {last[0][:200]}")
            if given.keep:
                keep(item, given.keep)
    print(f"{findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
