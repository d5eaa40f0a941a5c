"""Measured time of each operation of a compiled program, by JAX's profiler."""

from __future__ import annotations

import math
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
from jax.stages import Compiled

_INSTRUCTION = re.compile(r"\s*(?:ROOT )?%?([\w.\-]+) = (.*)")
_COMPUTATION = re.compile(r"(?:ENTRY )?%?([\w.\-]+) .*\{$")
_OPCODE = re.compile(r" ([\w\-]+)\(")
_SHAPE = re.compile(r"\w+\[([\d,]*)\]")
_OP_NAME = re.compile(r'op_name="([^"]*)"')
_CALLED = re.compile(r"(?:body|condition|to_apply|calls)=%?([\w.\-]+)")
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_OPERANDS = re.compile(r"%([\w.\-]+)")
# Their events last as long as those of the operations inside.
_CONTAINERS = frozenset({"call", "conditional", "while"})
# These cost nothing inside a fused operation.
_FREE = frozenset({"bitcast", "broadcast", "constant", "parameter", "reshape", "tuple"})


class _Instruction(NamedTuple):
    text: str  # without metadata
    opcode: str
    name: str  # JAX's, or ""
    size: int  # number of values
    computation: str


def instructions(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield the computation, the name and the definition of each instruction.

    Args:
        text: an optimized program, as `as_text()` of an executable returns it.
    """
    computation = ""
    for line in text.splitlines():
        found = _INSTRUCTION.match(line)
        if found is not None:
            yield computation, found[1], found[2]
            continue
        start = _COMPUTATION.match(line)
        computation = start[1] if start else computation


class InstructionNames:
    """JAX's names of the instructions of an optimized program.

    Args:
        text: the program, as `as_text()` of an executable returns it.
    """

    def __init__(self, text: str) -> None:
        self._instructions: dict[str, _Instruction] = {}
        self._members: defaultdict[str, list[_Instruction]] = defaultdict(list)
        self._callers: dict[str, str] = {}
        for computation, name, rest in instructions(text):
            instruction = _instruction(rest, computation)
            self._instructions[name] = instruction
            self._members[computation].append(instruction)
            branches = _BRANCHES.search(rest)
            called = _CALLED.findall(rest)
            called += _OPERANDS.findall(branches[1]) if branches else []
            self._callers.update(dict.fromkeys(called, name))

    def fractions(self, event: str) -> dict[str, float]:
        """Return the names behind an event, and the part of its time of each.

        The time of a fused operation is divided by the number of values that each of
        its parts computes. An instruction without a name has that of its operands or
        of the loop that it is in. A loop itself has no share.
        """
        # Events of library calls have the name of the function appended.
        name = event if event in self._instructions else event.partition("__")[0]
        found = self._instructions.get(name)
        if found is None or found.opcode in _CONTAINERS:
            return {}
        sizes: Counter[str] = Counter()
        for body in _CALLED.findall(found.text) if found.opcode == "fusion" else ():
            for part in self._members[body]:
                if part.name and part.opcode not in _FREE:
                    sizes[part.name] += part.size
        total = sum(sizes.values())
        if total == 0:
            return {self._name(name, depth=8) or "": 1.0}
        return {part: size / total for part, size in sizes.items()}

    def _name(self, name: str, depth: int) -> str:
        found = self._instructions.get(name)
        if found is None or depth == 0:
            return ""
        others = [*_OPERANDS.findall(found.text), self._callers.get(found.computation)]
        nearby = (self._name(other, depth - 1) for other in others if other)
        return found.name or next(filter(None, nearby), "")


def _instruction(text: str, computation: str) -> _Instruction:
    text, _, metadata = text.partition("metadata=")
    opcode, shape, name = (
        _OPCODE.search(text),
        _SHAPE.search(text),
        _OP_NAME.search(metadata),
    )
    sizes = map(int, filter(None, shape[1].split(","))) if shape else ()
    return _Instruction(
        text,
        opcode[1] if opcode else "",
        name[1] if name else "",
        math.prod(sizes),
        computation,
    )


def time_by_name(
    executable: Compiled, args: Sequence[Any], steps: int
) -> dict[str, float]:
    """Return the seconds of a call that operations of each JAX name took.

    Args:
        executable: a compiled program that donates nothing.
        args: its arguments.
        steps: number of calls that are measured.
    """
    names = InstructionNames(executable.as_text() or "")
    options = jax.profiler.ProfileOptions()
    options.python_tracer_level = 0
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder, profiler_options=options):
            for _ in range(steps):
                jax.block_until_ready(executable(*args))
        files = sorted(Path(folder).rglob("*.xplane.pb"))
        times: defaultdict[str, float] = defaultdict(float)
        for file in files:
            profile = jax.profiler.ProfileData.from_file(str(file))
            for event, seconds in _events(profile):
                for name, share in names.fractions(event).items():
                    times[name] += share * seconds / steps
    return dict(times)


def _events(profile: Any) -> Iterator[tuple[str, float]]:
    """Yield the instruction and the seconds of each event, on the device if any."""
    planes = list(profile.planes)
    devices = [p for p in planes if p.name.startswith("/device:") and _has_events(p)]
    for plane in devices or planes:
        for line in plane.lines:
            for event in line.events:
                operation = dict(event.stats).get("hlo_op") if devices else event.name
                if operation is not None:
                    yield str(operation), event.duration_ns * 1e-9


def _has_events(plane: Any) -> bool:
    return any(True for line in plane.lines for _ in line.events)
