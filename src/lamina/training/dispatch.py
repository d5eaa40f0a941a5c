"""Arguments and results of one dispatch of the device loop."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lamina.typing import Array, PyTree

# Batches in an epoch of unknown length.
ENDLESS = 2**31 - 1
_32_BITS = 0xFFFFFFFF


class LogMode(NamedTuple):
    """Logs that a dispatch returns besides the last ones, and their maximum number."""

    of: str  # "nothing", "batches" or "epochs"
    limit: int


LOG_LAST = LogMode("nothing", 0)
LOG_BATCHES = LogMode("batches", 32)
LOG_EPOCHS = LogMode("epochs", 128)


class DispatchArgs(NamedTuple):
    """Scalars that say which batches a dispatch runs.

    Batches are counted from the start of `epoch`; the count continues in later epochs.
    """

    seed: Any = 0  # uint32
    step: Any = 0  # uint32: training steps before this epoch
    epoch: Any = 0  # uint32: number of the epoch
    steps: Any = ENDLESS  # int32: batches in an epoch
    first: Any = 0  # int32: first batch of this dispatch
    last: Any = 1  # int32: one past its last batch
    bad: Any = -1  # int32: batch whose loss or gradients were not finite, else -1


def pack_args(args: DispatchArgs) -> tuple[np.ndarray, Array | np.int32]:
    """Return the arguments as one array and `bad`, which may be on the device.

    Each argument of a program costs microseconds, so the scalars share one array.
    """
    *fields, bad = args
    array = np.array([int(f) & _32_BITS for f in fields], np.uint32)
    return array, np.int32(bad) if isinstance(bad, int) else bad


def unpack_args(array: Array, bad: Array) -> DispatchArgs:
    """Return the arguments that `pack_args` packed."""
    seed, step, epoch = array[0], array[1], array[2]
    steps, first, last = (array[i].astype(jnp.int32) for i in (3, 4, 5))
    return DispatchArgs(seed, step, epoch, steps, first, last, bad)


class DispatchResult(NamedTuple):
    """Logs that a dispatch returns."""

    logs: Any
    bad: Any  # batch whose loss or gradients were not finite, else -1
    recorded: Any = ()  # the logs of `log_mode`, along a first axis


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
