"""This process: whether it was forked, and what it shares with other processes.

JAX joins several processes to one program: an array may lie on devices of all of them.
All processes must call functions that communicate, in the same order.
"""

from __future__ import annotations

import os
from typing import Any

import jax
import numpy as np
from jax.core import Tracer
from jax.sharding import Sharding

from lamina.errors import StateError


class _Process:
    has_used_device = False
    is_broken = False  # forked after its parent had used the device
    exchanges = 0


def use_device() -> None:
    """Record that this process uses JAX; called before each computation.

    Raises:
        StateError: the process was forked after its parent had computed. JAX's
            threads do not exist in it, so a computation would hang.
    """
    if _Process.is_broken:
        raise StateError(
            "This process was forked after lamina had computed in its parent. JAX's "
            "threads are missing in it, so a computation would never end. Start the "
            "process with multiprocessing.get_context('spawn') or 'forkserver', or "
            "use only NumPy in it, as workers that load data do."
        )
    _Process.has_used_device = True


def _after_fork() -> None:
    _Process.is_broken = _Process.has_used_device


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def process_count() -> int:
    """Return the number of processes that JAX has joined."""
    # Before that, the number is 1; asking JAX for it would start the devices.
    return jax.process_count() if jax.distributed.is_initialized() else 1


def is_first_process() -> bool:
    """Return whether this process writes files and shows progress.

    Example:
        >>> is_first_process()
        True
    """
    return process_count() == 1 or jax.process_index() == 0


def count_exchange() -> None:
    """Record that this process begins an exchange with all others.

    All processes make the same ones in the same order, so that one that has ended after
    fewer exchanges will never answer.
    """
    _Process.exchanges += 1


def exchanges() -> int:
    """Return the number of exchanges that this process has begun."""
    return _Process.exchanges


def broadcast(array: Any) -> np.ndarray:
    """Return the array of the first process; all processes must call this.

    Args:
        array: an array or a number, of the same shape and dtype in all processes.
    """
    # On first use: few programs have several processes.
    from jax.experimental.multihost_utils import broadcast_one_to_all

    count_exchange()
    return np.asarray(broadcast_one_to_all(array))


def host_array(array: Any) -> np.ndarray:
    """Return an array in the memory of each process, gathered if it is split.

    Args:
        array: an array; if devices of several processes have parts of it, all of them
            must call this.
    """
    return np.asarray(whole_array(array))


def is_split(array: Any) -> bool:
    """Return whether only devices of other processes have parts of an array."""
    if process_count() == 1 or isinstance(array, Tracer):
        return False
    return isinstance(array, jax.Array) and not (
        array.is_fully_addressable or array.is_fully_replicated
    )


def whole_array(array: Any) -> Any:
    """Return an array that each process can read, gathered if it is split.

    Args:
        array: an array; if devices of several processes have parts of it, all of them
            must call this.
    """
    if not is_split(array):
        return array
    # On first use: few programs have several processes.
    from jax.experimental.multihost_utils import process_allgather

    count_exchange()
    return process_allgather(array, tiled=True)


def put(array: Any, sharding: Sharding) -> jax.Array:
    """Return an array with a sharding; it is the same one if it has that already."""
    if isinstance(array, jax.Array):
        same = array.sharding.is_equivalent_to(sharding, array.ndim)
        if same and array.committed:
            return array
        if array.sharding.device_set == sharding.device_set:
            return jax.device_put(array, sharding)
    if sharding.is_fully_addressable:
        local = not isinstance(array, jax.Array) or array.is_fully_addressable
        return jax.device_put(array if local else host_array(array), sharding)
    # `jax.device_put` would compare the arrays of all processes.
    whole = host_array(array)
    return jax.make_array_from_callback(whole.shape, sharding, whole.__getitem__)
