"""Masks attached to arrays, which layers pass on to each other.

Traced arrays take no attributes, so a table by identity holds the mask of each array
that has one, for as long as the array lives. Code for Keras reads `_keras_mask`, which
concrete arrays have too.
"""

from __future__ import annotations

import weakref
from typing import Any

from lamina.typing import Array

_masks: dict[int, tuple[weakref.ref[Any], Any]] = {}


def set_mask(array: Any, mask: Array | None) -> None:
    """Attach a boolean mask, or `None`, to an array."""
    key = id(array)
    # Bound here: at exit, Python may clear this module before the arrays.
    remove = _masks.pop
    if mask is None:
        remove(key, None)
    else:
        _masks[key] = weakref.ref(array, lambda _: remove(key, None)), mask
    if hasattr(array, "__dict__"):  # tracers and NumPy arrays take no attributes
        array._keras_mask = mask


def get_mask(array: object) -> Any:
    """Return the mask attached to an array, or `None`."""
    found = _masks.get(id(array))
    return found[1] if found is not None and found[0]() is array else None
