"""Faster forms of ops, by platform and by what they are called with.

An entry of `_TABLE` is a pair: a predicate on the op's arguments, and a function of
the same arguments that gives what the reference form gives, gradients included. To
add one, write both in a file of the platform's folder and list them here; the test
of the table compares every entry with its reference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from lamina.ops.kernels.cpu import conv

__all__ = ["find"]

_TABLE: dict[tuple[str, str], list[tuple[Callable[..., bool], Callable[..., Any]]]] = {
    ("conv", "cpu"): [(conv.fits, conv.conv)],
}


def find(op: str, *args: Any) -> Callable[..., Any] | None:
    """The form to use for these arguments; `None` for the reference form."""
    for fits, lowering in _TABLE.get((op, jax.default_backend()), ()):
        if fits(*args):
            return lowering
    return None
