"""Dispatches of the device loop: their arguments, sizes and results."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from lamina.data.batches import Segment
from lamina.runtime.interrupts import Interrupt
from lamina.runtime.placement import agree, is_shared
from lamina.typing import Logs, PyTree

# Batches in an epoch of unknown length.
ENDLESS = 2**31 - 1
_32_BITS = 0xFFFFFFFF
# Seconds between two dispatches. Each allocates all its memory, which costs up to a
# fourth of a step of a convolutional network, so it should run several steps.
_WAKE_SECONDS = 0.4


class LogMode(NamedTuple):
    """Logs that a dispatch returns besides the last ones, and their maximum number."""

    of: str  # "nothing", "batches" or "epochs"
    limit: int


LOG_LAST = LogMode("nothing", 0)
LOG_BATCHES = LogMode("batches", 32)
LOG_EPOCHS = LogMode("epochs", 128)


class DispatchArgs(NamedTuple):
    """Scalars that say which batches a dispatch runs.

    Batches are counted from the start of `epoch`; the count continues in later epochs,
    which only programs with logs of epochs run in the same dispatch.
    """

    seed: Any = 0  # uint32
    step: Any = 0  # uint32: training steps before this epoch
    epoch: Any = 0  # number of the epoch; programs get None: it only selects the data
    steps: Any = ENDLESS  # int32: batches in an epoch
    first: Any = 0  # int32: first batch of this dispatch, in the first epoch
    last: Any = 1  # int32: one past its last batch


def program_args(args: DispatchArgs) -> DispatchArgs:
    """Return the arguments with the types that a program expects.

    They are scalars: XLA would compile a kernel for each element of an array.
    """
    seed, step = (np.uint32(int(n) & _32_BITS) for n in (args.seed, args.step))
    return DispatchArgs(seed, step, None, *map(np.int32, args[3:]))


class DispatchResult(NamedTuple):
    """Logs that a dispatch returns."""

    logs: Any
    # Batch whose loss or gradients were not finite, else -1. Of a dispatch that is not
    # finished, it may be `last`: some value of the new state is not finite.
    bad: Any
    recorded: Any = ()  # the logs of `log_mode`, along a first axis


class Dispatched(NamedTuple):
    """A dispatch whose result is not read yet."""

    out: DispatchResult
    finish: Callable[[], DispatchResult]
    segment: Segment
    steps: int  # batches of this dispatch
    done: int  # batches of the epoch after it
    vote: jax.Array | None = None  # what several processes agree on after it

    def finished(self) -> Dispatched:
        """Wait for the result, and undo steps that are not finite."""
        out = self.finish()
        return self._replace(out=out, finish=lambda: out)


@jax.tree_util.register_pytree_node_class
class Unnamed:
    """A result of a program that has no names in its text.

    With another name of a metric, the text and so the compiled program is the same.
    """

    def __init__(self, result: DispatchResult) -> None:
        self.result = result

    def tree_flatten(self) -> tuple[list[Any], Any]:
        """Return the arrays, and the structure with its names."""
        return jax.tree.flatten(self.result)

    @classmethod
    def tree_unflatten(cls, structure: Any, arrays: Sequence[Any]) -> Unnamed:
        """Return the result with its names."""
        return cls(jax.tree.unflatten(structure, arrays))

    def named(self) -> DispatchResult:
        """Return the result, with logs in the order of their names."""
        logs, bad, recorded = self.result
        return DispatchResult(_sorted(logs), bad, _sorted(recorded))


def _sorted(logs: PyTree) -> PyTree:
    return dict(sorted(logs.items())) if isinstance(logs, OrderedDict) else logs


class ChunkSizer:
    """Number of steps in a dispatch, such that Python wakes a few times a second.

    Args:
        is_shared: whether several processes train, which must use the same number.
    """

    def __init__(self, is_shared: bool = False) -> None:
        self.chunk = self.wanted = 1
        self._is_shared = is_shared
        self._last = 0.0

    def begin(self, last: int) -> None:
        """Begin with the number that earlier dispatches had, if it is larger."""
        self.chunk = max(self.chunk, last)

    def start(self) -> None:
        """Start the clock: a dispatch was made after a pause."""
        self._last = time.perf_counter()

    def note(self, steps: int) -> None:
        """Adapt the number to the time that steps took since the last call."""
        now = time.perf_counter()
        per_step = max((now - self._last) / steps, 1e-7)
        self._last = now
        # Growth is bounded, since a first step may be far from typical.
        self.wanted = max(1, min(int(_WAKE_SECONDS / per_step), 16 * self.chunk))
        if not self._is_shared:
            self.chunk = self.wanted


class Agreement:
    """Decisions about the next dispatch, on which several processes agree.

    In one process, they are its own wishes.

    Args:
        stopped: returns whether this process wants to stop.
        batches_to_pause: returns how many batches its callbacks allow until a pause.
        is_due: returns whether it wants a checkpoint before a batch.
        interrupt: a request to stop, which is agreed on too.
    """

    def __init__(
        self,
        stopped: Callable[[], bool],
        batches_to_pause: Callable[[], int],
        is_due: Callable[[int], bool],
        interrupt: Interrupt | None,
    ) -> None:
        self.is_shared = is_shared()
        self.due = False  # whether several processes write a checkpoint now
        self._stopped, self._batches_to_pause = stopped, batches_to_pause
        self._is_due, self._interrupt = is_due, interrupt
        self._agreed = 0, 0

    def _wishes(self) -> tuple[int, int]:
        # The largest number of all processes counts.
        return self._stopped(), -self._batches_to_pause()

    def begin(self) -> None:
        """Agree before the first dispatch of an epoch."""
        if self.is_shared:
            self._agreed = tuple(np.asarray(agree(self._wishes())).tolist())

    def vote(self, chunk: int, done: int) -> jax.Array | None:
        """Start to agree, after a dispatch.

        Args:
            chunk: number of steps that this process wants in a dispatch.
            done: the next batch.
        """
        if not self.is_shared:
            return None
        received = self._interrupt is not None and self._interrupt.received
        # If one is due already, it is about to be written.
        due = not self.due and self._is_due(done)
        return agree([chunk, received, due, *self._wishes()])

    def settle(self, vote: jax.Array) -> int:
        """Read what the processes agreed on; return the number of steps."""
        chunk, received, due, *rest = np.asarray(vote).tolist()
        self.due, self._agreed = due > 0, (rest[0], rest[1])
        if self._interrupt is not None:
            self._interrupt.agree(received > 0)
        return chunk

    def should_stop(self) -> bool:
        """Return whether to stop before the next dispatch."""
        # `_batches_to_pause` asks each callback, which takes time.
        return self._agreed[0] > 0 if self.is_shared else self._stopped()

    def batches_to_pause(self) -> int:
        """Return the number of batches until a callback needs the model."""
        return -self._agreed[1] if self.is_shared else self._batches_to_pause()


def host_logs(logs: Logs) -> dict[str, Any]:
    """Return logs as Python floats, or NumPy arrays for metrics of several values."""
    # For a few scalars this is several times faster than `jax.device_get`.
    return plain_logs({k: np.asarray(v) for k, v in logs.items()})


def plain_logs(logs: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return scalars as Python floats."""
    return {k: float(v) if np.ndim(v) == 0 else v for k, v in logs.items()}


def unknown_logs(logs: dict[str, Any]) -> dict[str, Any]:
    """Return NaN for each of the logs: metrics of no batch have no value."""
    return {k: math.nan if np.ndim(v) == 0 else v * math.nan for k, v in logs.items()}
