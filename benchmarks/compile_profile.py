"""Size and compile time of training programs: `python -m benchmarks.compile_profile`.

With the names of claims as arguments, the programs of their networks, else those of
`MODELS`. Instructions are attributed to parts by the lines of lamina that made them.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from benchmarks import machine
from benchmarks.claim import load_claim
from benchmarks.peers.keras_api import alone_or_together, compiled
from benchmarks.results import RESULTS, table
from benchmarks.workload import Training, deep
from lamina.runtime.device_trace import instructions

MODELS = ("seed_model", "auto_mpg", "mnist_cnn", "lstm", "2", "8", "32")
# The first match of a file or function, from the innermost call to the outermost.
PARTS = (
    (r"all_finite|is_finite", "guard"),
    (r"/data/(shuffle|batches|rows)\.py", "row order"),
    (r"_reset_metrics|_recorded|compute_metrics|/metrics/|_track_loss", "metrics"),
    (r"/optimizers/", "optimizer"),
    (r"value_and_grad", "gradient"),
    (r"device_loop\.py|dispatch\.py", "bookkeeping"),
)
KINDS = {
    "kernel": "kernels",
    "instruction": "instructions",
    "fusion": "fusions",
    "copy": "copies",
    "while": "loops",
}
# JAX's names of the stages of a compilation, and of the functions of a loop program.
STAGES = {
    "jaxpr_trace_duration": "trace",
    "jaxpr_to_mlir_module_duration": "lower",
    "backend_compile_duration": "compile",
}
_PROGRAMS = ("run", "jit(run)", "<unnamed function>")
_OPCODE = re.compile(r" ([\w\-]+)\(")
_ROW = re.compile(r'^(\d+) (?:"(.*)"|\{(.*)\})$')
_CALLED = re.compile(r"(?:calls|to_apply)=%?([\w.\-]+)")
_NAMES = re.compile(r"%[\w.\-]+|, metadata=.*")
_FIELD = re.compile(r"(\w+)=(\d+)")


class Instruction(NamedTuple):
    """Instruction of an optimized program."""

    computation: str
    opcode: str
    text: str
    part: str


def training_of(model: str) -> Training:
    """Return the task of a claim, or of a number of dense layers."""
    if model.isdigit():
        return deep(int(model))
    training = load_claim(model).peer("lamina").arguments["training"]
    assert isinstance(training, Training)
    return training


def parts_of(text: str) -> Iterator[Instruction]:
    """Yield the instructions of a program from its text."""
    frames = stack_frames(text)
    for computation, _, definition in instructions(text):
        opcode = _OPCODE.search(definition)
        frame = re.search(r"stack_frame_id=(\d+)", definition)
        calls = frames.get(frame[1], []) if frame else []
        if opcode is not None:
            part = part_of(definition, calls)
            yield Instruction(computation, opcode[1], definition, part)


def stack_frames(text: str) -> dict[str, list[str]]:
    """Return the calls behind each stack frame, the innermost first."""
    tables: dict[str, dict[str, Any]] = {}
    current: dict[str, Any] = {}
    for line in text.splitlines():
        row = _ROW.match(line)
        if row:
            current[row[1]] = row[2] or dict(_FIELD.findall(row[3]))
        elif line in ("FileNames", "FunctionNames", "FileLocations", "StackFrames"):
            current = tables.setdefault(line, {})

    def calls(frame: str) -> Iterator[str]:
        while frame in tables["StackFrames"]:
            entry = tables["StackFrames"][frame]
            location = tables["FileLocations"][entry["file_location_id"]]
            file = tables["FileNames"][location["file_name_id"]]
            yield f"{file} {tables['FunctionNames'][location['function_name_id']]}"
            frame = str(int(entry["parent_frame_id"]) - 1)  # XLA prints it plus 1

    return {frame: list(calls(frame)) for frame in tables.get("StackFrames", {})}


def is_kernel(instruction: Instruction) -> bool:
    """Return whether an instruction is a kernel that XLA compiles."""
    return instruction.opcode == "fusion" and "kind=kCustom" not in instruction.text


def part_of(line: str, calls: Sequence[str]) -> str:
    """Return the part of the training program that an instruction belongs to."""
    matches = (part for c in calls for regex, part in PARTS if re.search(regex, c))
    part = next(matches, "bookkeeping")
    if part == "gradient":
        return "backward" if "transpose(" in line else "forward"
    return part


def counts(text: str) -> dict[str, Counter[str]]:
    """Count the instructions and kernels of each part, by kind.

    XLA compiles equal kernels once, so they are counted once.
    """
    found = list(parts_of(text))
    bodies: dict[str, str] = {}
    for i in found:
        body = bodies.get(i.computation, "") + _NAMES.sub("", i.text)
        bodies[i.computation] = body
    kernels = {_CALLED.findall(i.text)[0]: i for i in found if is_kernel(i)}
    outer = {name: i for name, i in kernels.items() if i.computation not in kernels}
    distinct = {bodies[name]: i.part for name, i in outer.items()}
    totals: dict[str, Counter[str]] = {}
    for i in found:
        totals.setdefault(i.part, Counter()).update(["instruction", i.opcode])
    for part in distinct.values():
        totals[part]["kernel"] += 1
    return totals


def profile(model: str) -> dict[str, Any]:
    """Return counts and seconds of the training program for one batch of a model."""
    os.environ["LAMINA_COMPILE_CACHE"] = "off"
    lamina, jax = import_module("lamina"), import_module("jax")
    seconds = dict.fromkeys([*STAGES.values(), "first fit"], 0.0)

    def note(event: str, duration: float, **names: str) -> None:
        stage = STAGES.get(event.rpartition("/")[-1])
        if stage and names.get("fun_name") in _PROGRAMS:
            seconds[stage] += duration

    jax.config.update("jax_traceback_in_locations_limit", -1)
    training = training_of(model)
    network = compiled(lamina, training)
    inputs, y = training.data(training.batch)
    jax.monitoring.register_event_duration_secs_listener(note)
    start = perf_counter()
    network.fit(alone_or_together(inputs), y, batch_size=training.batch, verbose=0)
    seconds["first fit"] = perf_counter() - start
    executables = import_module("lamina.runtime.executable")._executables.values()
    text = next(
        t for t in (e.as_text() for e in executables) if "HloModule jit_run" in t
    )
    return {"model": model, "seconds": seconds, "counts": counts(text)}


def main() -> None:
    models = sys.argv[1:] or MODELS
    context = get_context("spawn")
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as pool:
        profiles = list(pool.map(profile, models))
    if not sys.argv[1:]:
        text = json.dumps(profiles, indent=1, sort_keys=True)
        path_of(machine.slug(machine.describe())).write_text(text + "\n")
    print("\n".join(tables(profiles)))


def path_of(slug: str) -> Path:
    return RESULTS / f"compile_profile-{slug}.json"


def profiles_of(slug: str) -> list[dict[str, Any]]:
    """Return the stored profiles of a machine, if any."""
    path = path_of(slug)
    return json.loads(path.read_text()) if path.exists() else []


def tables(profiles: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a table of seconds and totals by model, and one of kernels by part."""
    stages = [*STAGES.values(), "first fit"]
    rows = [
        [
            p["model"],
            *(f"{p['seconds'].get(stage, 0):.2f}" for stage in stages),
            *(str(sum(c.get(kind, 0) for c in p["counts"].values())) for kind in KINDS),
        ]
        for p in profiles
    ]
    yield table(["model", *(f"{s}, s" for s in stages), *KINDS.values()], rows)
    parts = sorted({part for p in profiles for part in p["counts"]})
    rows = [
        [
            p["model"],
            *(str(p["counts"].get(part, {}).get("kernel", 0)) for part in parts),
        ]
        for p in profiles
    ]
    yield table(["kernels of", *parts], rows)


if __name__ == "__main__":
    main()
