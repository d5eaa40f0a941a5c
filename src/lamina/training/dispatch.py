"""Arguments of one dispatch of the device loop."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

# Batches in an epoch of unknown length.
_ENDLESS = 2**31 - 1


class LogMode(NamedTuple):
    """Logs that a dispatch returns besides the last ones, and their maximal number."""

    of: str  # "nothing", "batches" or "epochs"
    limit: int


LOG_LAST = LogMode("nothing", 0)
LOG_BATCHES = LogMode("batches", 32)
LOG_EPOCHS = LogMode("epochs", 128)


class DispatchArgs(NamedTuple):
    """Scalars that say which batches a dispatch runs.

    Batches are counted from the start of an epoch on, through the epochs after it.
    """

    seed: Any  # uint32
    step: Any  # uint32: training steps before this epoch
    epoch: Any  # uint32: number of the epoch
    steps: Any  # int32: batches in an epoch
    first: Any  # int32: first batch of this dispatch
    last: Any  # int32: one past its last batch
    fresh: Any  # int32: 1 if metrics are reset at the start of each epoch
    bad: Any  # int32: batch whose loss or gradients were not finite, else -1


def dispatch_args(
    seed: int,
    step: int,
    first: int,
    last: int,
    epoch: int = 0,
    steps: int | None = None,
    fresh: bool = False,
    bad: Any = -1,
) -> DispatchArgs:
    """Make arguments; seed and step are reduced to 32 bits."""
    steps = _ENDLESS if steps is None else steps
    seed, step = seed & 0xFFFFFFFF, step & 0xFFFFFFFF
    return DispatchArgs(seed, step, epoch, steps, first, last, fresh, bad)


def pack_args(args: DispatchArgs) -> tuple[np.ndarray, Any]:
    """Return the arguments as one array and `bad`, which may be on the device.

    Each argument of a program costs microseconds, more than a number is worth.
    """
    *fields, bad = args
    array = np.array([int(f) & 0xFFFFFFFF for f in fields], np.uint32)
    return array, np.int32(bad) if isinstance(bad, int) else bad


def unpack_args(array: Any, bad: Any) -> DispatchArgs:
    """Return the arguments that `pack_args` packed."""
    seed, step, epoch, *counts = list(array)
    steps, first, last, fresh = [c.astype(jnp.int32) for c in counts]
    return DispatchArgs(seed, step, epoch, steps, first, last, fresh, bad)
