"""Arguments of one dispatch of the device loop."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from lamina.typing import Array

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
