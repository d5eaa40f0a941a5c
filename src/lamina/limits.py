"""Limits of the process: memory, epochs and steps. `lamina.config` publishes them."""

from __future__ import annotations

import functools
import os
from contextlib import suppress
from pathlib import Path

from lamina.errors import invalid
from lamina.tracebacks import filter_traceback


def _from_environment(name: str) -> int | None:
    text = os.environ.get(name, "")
    if text and not (text.isdigit() and int(text)):
        raise invalid("lamina", name, text, "a positive integer")
    return int(text) if text else None


_limits: dict[str, int | None] = {
    "memory": None,
    "epochs": _from_environment("LAMINA_MAX_EPOCHS"),
    "steps": _from_environment("LAMINA_MAX_STEPS_PER_EPOCH"),
}


def _check(function: str, name: str, value: int | None, unit: str) -> None:
    is_int = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and (not is_int or value <= 0):
        raise invalid(function, name, value, f"a positive number of {unit}, or None")


def max_epochs() -> int | None:
    """Return the maximum number of epochs of `fit`, `None` without a limit.

    The environment variable `LAMINA_MAX_EPOCHS` sets the initial value.

    Example:
        >>> print(max_epochs())
        None
    """
    return _limits["epochs"]


@filter_traceback
def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the number of epochs of `fit`, to test a script quickly.

    Args:
        max_epochs: the limit; `None` removes it.

    Example:
        >>> set_max_epochs(1)
        >>> max_epochs()
        1
        >>> set_max_epochs(None)
    """
    _check("set_max_epochs", "max_epochs", max_epochs, "epochs")
    _limits["epochs"] = max_epochs


def max_steps_per_epoch() -> int | None:
    """Return the maximum number of steps of an epoch, `None` without a limit.

    The environment variable `LAMINA_MAX_STEPS_PER_EPOCH` sets the initial value.

    Example:
        >>> print(max_steps_per_epoch())
        None
    """
    return _limits["steps"]


@filter_traceback
def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the number of batches of `fit`, per epoch, and of `evaluate`, `predict`.

    Args:
        max_steps_per_epoch: the limit; `None` removes it.

    Example:
        >>> set_max_steps_per_epoch(5)
        >>> max_steps_per_epoch()
        5
        >>> set_max_steps_per_epoch(None)
    """
    name = "max_steps_per_epoch"
    _check("set_max_steps_per_epoch", name, max_steps_per_epoch, "steps")
    _limits["steps"] = max_steps_per_epoch


def memory_limit() -> int:
    """Return the maximum bytes of a variable, or of all variables of a config.

    The default is the machine's memory. Larger variables raise an error, instead of
    ending the process.

    Example:
        >>> memory_limit() > 0
        True
    """
    return _limits["memory"] or _memory_of_machine()


@filter_traceback
def set_memory_limit(size: int) -> None:
    """Set the value of `memory_limit()`, in bytes.

    A server that builds models from untrusted configs needs a low limit.

    Example:
        >>> previous = memory_limit()
        >>> set_memory_limit(2**30)
        >>> memory_limit()
        1073741824
        >>> set_memory_limit(previous)
    """
    if isinstance(size, bool) or not isinstance(size, int) or size <= 0:
        raise invalid("set_memory_limit", "size", size, "a positive number of bytes")
    _limits["memory"] = size


@functools.cache
def _memory_of_machine() -> int:
    sizes = [2**40]
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", ()):
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    # A container may limit the process to less than the machine's memory.
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            sizes.append(int((Path("/sys/fs/cgroup") / name).read_text()))
    return min(sizes)
