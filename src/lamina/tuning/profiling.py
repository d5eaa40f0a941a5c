"""Time and memory of a training step by layer."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lamina.core.check import check_arguments, positive_int
from lamina.core.scope import RunKey, override
from lamina.core.tracing.trace_state import platform
from lamina.display import Side, html_table
from lamina.io.load_report import format_table
from lamina.layers import Layer
from lamina.ops.kernels import autotune
from lamina.ops.kernels.table import recording
from lamina.runtime.device_trace import time_by_name
from lamina.runtime.executable import Program, run_seconds, temporary_bytes
from lamina.runtime.operations import OperationList, innermost, scope_path
from lamina.runtime.pure_function import PureFunction
from lamina.training.trainer import Trainer
from lamina.tuning.trial import trial
from lamina.typing import Data, PyTree

_HEADERS = "layer", "forward", "backward", "%", "saved", "weights", "kernels"
_NUMBERS: tuple[Side, ...] = "right", "right", "right", "right", "right"
_SIDES: tuple[Side, ...] = "left", *_NUMBERS, "left"
_LOSS, _REST = "(loss)", "(optimizer, metrics)"
# Kernels are timed as for an epoch of so many steps.
_AUTOTUNED_STEPS = 1000
_CHECKS = {"steps": positive_int}


class LayerCost(NamedTuple):
    """Cost of a layer in one training step.

    Attributes:
        name: path of the layer; "(loss)" and "(optimizer, metrics)" for the rest.
        forward_ms: milliseconds in the forward pass.
        backward_ms: milliseconds in the backward pass.
        saved_bytes: bytes of values that the forward pass stores for the backward pass.
        weight_bytes: bytes of its weights.
        kernels: names of the kernels of its ops, where an op has several.

    Example:
        >>> LayerCost("dense", 0.25, 0.5, 4096, 1024, "reference").total_ms
        0.75
    """

    name: str
    forward_ms: float
    backward_ms: float
    saved_bytes: int
    weight_bytes: int
    kernels: str

    @property
    def total_ms(self) -> float:
        """Milliseconds in both passes."""
        return self.forward_ms + self.backward_ms


class Profile(NamedTuple):
    """Result of `Model.profile`.

    Attributes:
        layers: the cost of each layer, in the order of calls.
        step_ms: milliseconds of a step, the median, measured without the profiler.
        rows: rows in the batch.
        temporary_bytes: memory that the program needs besides inputs and results.
        variable_bytes: memory of weights, optimizer and metrics.
        device: platform, such as "cpu".

    Example:
        >>> cost = LayerCost("dense", 0.25, 0.75, 2**20, 2**20, "reference")
        >>> Profile([cost], 1.0, 32, 2**20, 2**21, "cpu")
        layer  forward  backward      %  saved  weights  kernels
        dense    0.250     0.750  100.0   1.00     1.00  reference
        A step of 32 rows takes 1 ms on cpu.
        Memory: 2.00 MiB of variables, 1.00 MiB temporary.
        Times are in ms, memory is in MiB; saved: for the backward pass.
    """

    layers: list[LayerCost]
    step_ms: float
    rows: int
    temporary_bytes: int
    variable_bytes: int
    device: str

    def _cells(self) -> Iterator[list[str]]:
        total = sum(cost.total_ms for cost in self.layers) or 1.0
        for cost in self.layers:
            yield [
                cost.name,
                f"{cost.forward_ms:.3f}",
                f"{cost.backward_ms:.3f}",
                f"{100 * cost.total_ms / total:.1f}",
                _mebibytes(cost.saved_bytes),
                _mebibytes(cost.weight_bytes),
                cost.kernels,
            ]

    def _notes(self) -> list[str]:
        return [
            f"A step of {self.rows} rows takes {self.step_ms:.3g} ms on {self.device}.",
            f"Memory: {_mebibytes(self.variable_bytes)} MiB of variables, "
            f"{_mebibytes(self.temporary_bytes)} MiB temporary.",
            "Times are in ms, memory is in MiB; saved: for the backward pass.",
        ]

    def __repr__(self) -> str:
        lines = format_table([_HEADERS, *self._cells()], _SIDES)
        return "\n".join([*lines, *self._notes()])

    def _repr_html_(self) -> str:
        table = html_table(_HEADERS, list(self._cells()), _SIDES)
        return f"{table}{'<br>'.join(self._notes())}"


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:.2f}"


def profile(
    model: Trainer,
    x: Data,
    y: Data | None,
    sample_weight: Data | None,
    batch_size: int | None,
    steps: int,
) -> Profile:
    """Measure a training step; see `Model.profile`."""
    check_arguments("profile", _CHECKS, {"steps": steps})
    with trial(model, "profile", (x, y, sample_weight), batch_size) as block:
        batch = next(block.batches())
        state, function = block.engine.state(), block.engine.step.function

        def step(
            values: list[Any], hyperparameters: list[Any], batch: PyTree, key: RunKey
        ) -> Any:
            with override(names_operations=True):
                pure = PureFunction(function, state)
                result = pure(values, hyperparameters, (batch,), key)
            return result.changed, result.outputs

        values = [v.raw for v in state.variables]
        key = RunKey(jnp.uint32(0), jnp.uint32(0))
        args = values, state.hyperparameters(), batch, key
        with autotune.allow_timing(_AUTOTUNED_STEPS), recording() as choices:
            listed = OperationList(step, *args)
        executable: Any = Program(step).executable(*args)
        seconds = run_seconds(executable, args, steps + 2)[2:]
        milliseconds = 1e3 * statistics.median(seconds)
        times = time_by_name(executable, args, steps)
    modules = [m for root in block.engine.step.modules() for m in root.modules()]
    layers = {m.path: m for m in modules if isinstance(m, Layer)}
    kernels: defaultdict[str, list[str]] = defaultdict(list)
    for choice in choices:
        kernels[_owner("/".join(choice.path), layers)].append(choice.kernel)
    return Profile(
        _costs(listed, times, kernels, layers),
        milliseconds,
        jax.tree.leaves(batch)[0].shape[0],
        temporary_bytes(executable),
        sum(v.nbytes for v in values),
        platform(),
    )


def _owner(name: str, layers: Mapping[str, Layer]) -> str:
    """Return the layer that an operation of JAX's name belongs to, or the rest."""
    found = innermost(scope_path(name), layers)
    if found is not None:
        return found[0]
    return _LOSS if "jvp(" in name else _REST


def _costs(
    listed: OperationList,
    times: Mapping[str, float],
    kernels: Mapping[str, list[str]],
    layers: Mapping[str, Layer],
) -> list[LayerCost]:
    forward: defaultdict[str, float] = defaultdict(float)
    backward: defaultdict[str, float] = defaultdict(float)
    for name, seconds in times.items():
        part = backward if "transpose(" in name else forward
        part[_owner(name, layers)] += 1e3 * seconds
    saved = _saved_bytes(listed, layers)
    named = dict.fromkeys(_owner(o.scope, layers) for o in listed.operations)
    rows = [name for name in named if name not in (_LOSS, _REST)]
    weights = _weight_bytes(rows, layers)
    costs = [
        LayerCost(
            name,
            forward[name],
            backward[name],
            saved[name],
            weights[name],
            ", ".join(dict.fromkeys(kernels.get(name, ()))),
        )
        for name in (*rows, _LOSS, _REST)
    ]
    return [c for c in costs if any(c[1:5]) or _is_leaf(c.name, layers)]


def _is_leaf(name: str, layers: Mapping[str, Layer]) -> bool:
    found = innermost(f"/{name}", layers)
    return found is None or len(list(found[1].all_layers())) == 1


def _weight_bytes(rows: list[str], layers: Mapping[str, Layer]) -> Counter[str]:
    """Return the bytes of the weights in each row; inner layers count theirs first."""
    counts: Counter[str] = Counter()
    seen: set[int] = set()
    for name in sorted(rows, key=len, reverse=True):
        found = innermost(f"/{name}", layers)
        inside = found[1].all_layers() if found else ()
        weights = {id(w): w for layer in inside for w in layer.own_weights()}
        counts[name] = sum(w.raw.nbytes for i, w in weights.items() if i not in seen)
        seen |= weights.keys()
    return counts


def _saved_bytes(listed: OperationList, layers: Mapping[str, Layer]) -> Counter[str]:
    """Return the bytes of values of the forward pass that the backward pass reads."""
    operations = listed.operations
    read = {i for o in operations if o.is_backward for i in o.inputs}
    saved: Counter[str] = Counter()
    for operation in operations:
        if operation.is_backward:
            continue
        for number, value in zip(
            operation.outputs, operation.equation.outvars, strict=True
        ):
            if number in read:
                size = value.aval.size * value.aval.dtype.itemsize
                saved[_owner(operation.scope, layers)] += size
    return saved
