"""Detection of forked processes, in which JAX cannot compute."""

from __future__ import annotations

import os

from lamina.errors import StateError


class _Process:
    has_used_device = False
    is_broken = False  # forked after its parent had used the device


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
