"""Replay of a training step whose result was not finite, to find the cause."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.scope import RunKey, StateScope, local, override
from lamina.data.arrays import Parts
from lamina.data.batches import Segment
from lamina.runtime.executable import Program
from lamina.runtime.interrupts import check_interrupt
from lamina.runtime.operations import Operation, OperationList, is_finite
from lamina.runtime.pure_function import PureFunction
from lamina.training.dispatch import DispatchArgs
from lamina.training.engine import Engine
from lamina.typing import PyTree

# Programs of more operations compile for minutes, as each result is checked; their
# operations are run one by one.
_LONG = 600
# Limit of a replay, after which the step gets no explanation. One of MobileNetV2's 6300
# operations takes 40 s on two cores, its forward pass 15 s.
_SECONDS = 60.0


class FailedStep(NamedTuple):
    """A training step that was discarded; the variables have the state before it."""

    engine: Engine
    segment: Segment  # the data with its batch
    args: DispatchArgs  # of the dispatch
    number: int  # of the batch, counted from the start of the dispatch's first epoch

    @property
    def epoch(self) -> int:
        """The epoch, counted from 0."""
        return self.args.epoch + self.number // self.args.steps

    @property
    def batch_number(self) -> int:
        """The batch of the epoch."""
        return self.number % self.args.steps

    def batch(self) -> tuple[Parts, np.ndarray | None]:
        """Return the batch, and its rows' numbers in the data of `fit`, if known."""
        batches, data = self.segment.batches, self.segment.data
        order = self.args.seed, self.epoch
        batch: Any
        batch, numbers = batches.numbered(data, *order, self.batch_number)
        return batch, None if numbers is None else np.asarray(numbers)


class NonFiniteOperation(NamedTuple):
    """The operation that made a value which is not finite from finite ones."""

    operation: Operation
    inputs: list[np.ndarray]
    outputs: list[np.ndarray]
    rows: np.ndarray | None  # those of the batch whose results are not finite


class Replay(NamedTuple):
    """Result of the replay of a failed step."""

    bad_loss: bool  # whether the loss was not finite, not only a gradient
    bad_variables: list[Any]  # variables that are not finite after the step
    gradient_norms: list[tuple[str, float]]  # by the variable's path
    origin: NonFiniteOperation | None

    @property
    def part(self) -> str:
        """The part that was not finite first: "output", "gradient" or other "state"."""
        if self.bad_loss:
            return "output"
        bad = any(not np.isfinite(norm) for _, norm in self.gradient_norms)
        return "gradient" if bad else "state"


class _Numbers(NamedTuple):
    """Numbers of the values to evaluate, as in `OperationList.outputs`."""

    losses: Any
    gradients: Any
    changed: Any


class _Stats(NamedTuple):
    """Output of the replay program."""

    flags: Any
    norms: Any
    losses: Any
    changed: Any


def replay(step: FailedStep, batch: Parts) -> Replay:
    """Run a failed step again, on its batch and with the same random numbers.

    The program computes what the step computed, and whether the result of each of its
    operations is finite.
    """
    args = step.args
    state, function = step.engine.state(), step.engine.step.function
    variables: list[Any] = []

    def watched(batch: PyTree) -> tuple[Any, Any]:
        scope = local.state
        assert scope is not None
        scope.gradients = []
        logs = function(batch)
        variables[:] = [v for v, _ in scope.gradients]
        return _losses(scope, logs), [g for _, g in scope.gradients]

    def run(
        values: Sequence[Any],
        hyperparameters: Sequence[Any],
        batch: PyTree,
        key: RunKey,
    ) -> Any:
        with override(names_operations=True):
            return PureFunction(watched, state)(values, hyperparameters, (batch,), key)

    words = args.seed, args.step + step.number
    key = RunKey(*(jnp.uint32(word & 0xFFFFFFFF) for word in words))
    inputs = [v.raw for v in state.variables], state.hyperparameters(), batch, key
    listed = OperationList(run, *inputs)
    stats = _measure(listed, inputs)
    bad_loss = not _are_finite(stats.losses)
    bad = [i for i, finite in stats.changed.items() if not finite]
    outputs = listed.outputs
    targets = outputs.outputs[0] if bad_loss else [outputs.changed[i] for i in bad]
    index = listed.origin(stats.flags, targets)
    norms = zip(variables, stats.norms, strict=False)  # none for a long list
    return Replay(
        bad_loss,
        [state.variables[i] for i in bad],
        [(v.path, float(norm)) for v, norm in norms],
        None if index is None else _origin(listed, inputs, index, run),
    )


def _losses(scope: StateScope, logs: object) -> list[Any]:
    """Return the values that must be finite: watched ones, or the loss in the logs."""
    if scope.watched or not isinstance(logs, dict) or "loss" not in logs:
        return scope.watched
    return [jnp.asarray(logs["loss"])]


def _measure(listed: OperationList, inputs: PyTree) -> _Stats:
    """Evaluate a list; of a long one, only the losses if these are not finite."""
    (losses, gradients), changed = listed.outputs.outputs, listed.outputs.changed
    end = time.monotonic() + _SECONDS
    if len(listed.operations) > _LONG:
        stats = _stats(listed, inputs, _Numbers(losses, [], {}), end)
        if not _are_finite(stats.losses):
            return stats
    return _stats(listed, inputs, _Numbers(losses, gradients, changed), end)


def _stats(
    listed: OperationList, inputs: PyTree, numbers: _Numbers, end: float
) -> _Stats:
    def measure(inputs: PyTree) -> _Stats:
        flags: list[Any] = []

        def visit(made: list[Any]) -> None:
            check_interrupt()
            if time.monotonic() > end:
                raise TimeoutError
            flags.append([is_finite(value) for value in made])

        values = listed.evaluate(inputs, jax.tree.leaves(numbers), visit)
        losses, gradients, changed = jax.tree.map(lambda i: values[i], numbers)
        floats = {i: is_finite(value) for i, value in changed.items()}
        norms = [jnp.linalg.norm(g.astype(jnp.float32).ravel()) for g in gradients]
        return _Stats(flags, norms, losses, floats)

    stats = jax.device_get(_run(measure, listed, inputs))
    return stats._replace(flags=[all(some) for some in stats.flags])


def _are_finite(losses: Sequence[np.ndarray]) -> bool:
    return all(np.isfinite(loss).all() for loss in losses)


def _run(function: Callable[..., Any], listed: OperationList, inputs: PyTree) -> Any:
    """Call a function that evaluates a list, compiled as one program if it is short."""
    if len(listed.operations) > _LONG:
        return function(inputs)
    return Program(function)(inputs)


def _origin(
    listed: OperationList, inputs: tuple[Any, ...], index: int, run: Callable[..., Any]
) -> NonFiniteOperation:
    operation = listed.operations[index]
    used, made = operation.inputs, operation.outputs

    def compute(inputs: PyTree) -> tuple[list[Any], list[Any]]:
        values = listed.evaluate(inputs, (*used, *made))
        return [values[i] for i in used], [values[i] for i in made]

    taken, results = jax.device_get(_run(compute, listed, inputs))
    rows = _bad_rows(inputs, run, operation, index, results)
    return NonFiniteOperation(operation, taken, results, rows)


def _bad_rows(
    inputs: tuple[Any, ...],
    run: Callable[..., Any],
    operation: Operation,
    index: int,
    made: Sequence[np.ndarray],
) -> np.ndarray | None:
    """Return the rows of the batch whose results are not finite, if that is known.

    The axis of the rows is the one whose size differs if the batch has one more row.
    """
    values, hyperparameters, batch, key = inputs
    count = jax.tree.leaves(batch)[0].shape[0]
    larger = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct((count + 1, *a.shape[1:]), a.dtype), batch
    )
    try:
        other = OperationList(run, values, hyperparameters, larger, key).operations
        equation = other[index].equation
    except Exception:  # the batch size is fixed, or a kernel depends on it
        return None
    if other[index].name != operation.name:
        return None
    for array, variable in zip(made, equation.outvars, strict=True):
        bad = ~np.isfinite(np.asarray(array, np.float32))
        axes = [
            axis
            for axis, size in enumerate(variable.aval.shape)
            if array.shape[axis] == count and size == count + 1
        ]
        if bad.any() and axes:
            others = tuple(i for i in range(bad.ndim) if i != axes[0])
            return np.flatnonzero(bad.any(axis=others))
    return None
