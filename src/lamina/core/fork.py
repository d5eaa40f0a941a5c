"""Forked processes, in which JAX cannot compute."""

from __future__ import annotations

import os

from lamina.errors import StateError

__all__ = ["use_device"]


class _Process:
    has_used_device = False
    is_broken = False  # forked from a process that had used its device


def use_device() -> None:
    """Note that this process computes, before it does.

    Raises:
        StateError: it was forked from one that had computed. The threads of JAX do
            not exist here, so that a computation would hang.
    """
    if _Process.is_broken:
        raise StateError(
            "This process was forked after lamina had computed in its parent, and "
            "JAX's threads are not in it: a computation would never end. Start the "
            "process anew, as with multiprocessing.get_context('spawn') or "
            "'forkserver', or compute with NumPy alone here, as workers that load "
            "data do."
        )
    _Process.has_used_device = True


def _after_fork() -> None:
    _Process.is_broken = _Process.has_used_device


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
