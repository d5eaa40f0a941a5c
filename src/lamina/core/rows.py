"""Arrays as rows of numbers, which is how the training loop holds variables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import jax

__all__ = ["as_rows", "elementwise", "rows_for"]

F = TypeVar("F", bound=Callable[..., Any])


def as_rows(arrays: Iterable[jax.Array]) -> list[jax.Array]:
    """Each array as one row, on a CPU.

    XLA:CPU loops over each axis by itself, up to seven times slower if the last is
    short. Where it changes an array in place, the array must be a row throughout, or
    it is copied.
    """
    if jax.default_backend() != "cpu":
        return list(arrays)
    return [a.reshape(-1) if a.ndim > 1 else a for a in arrays]


def elementwise(function: F) -> F:
    """Mark a function that treats each number by itself: it may get arrays as rows."""
    function.__dict__["elementwise"] = True
    return function


def rows_for(function: Any, arrays: Sequence[jax.Array]) -> Sequence[jax.Array]:
    """The arrays as rows if a function was marked; one that overrides it was not."""
    return as_rows(arrays) if hasattr(function, "elementwise") else arrays
