"""Anything array-like as arrays that JAX takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from lamina import config
from lamina.errors import DataError

__all__ = ["as_arrays", "is_array_like", "map_arrays", "num_rows"]


def is_array_like(value: Any) -> bool:
    """Whether a value is an array, a frame, or something with an array inside."""
    if isinstance(value, (np.ndarray, jax.Array)):
        return True
    return hasattr(value, "__array__") or hasattr(value, "to_numpy")


def _is_leaf(value: Any) -> bool:
    if value is None or is_array_like(value):
        return True
    return isinstance(value, (list, tuple)) and _is_numeric(value)


def _is_numeric(value: Any) -> bool:
    """Whether nested lists hold plain numbers, so that they stand for one array."""
    while isinstance(value, (list, tuple)):
        if not value:
            return True
        value = value[0]
    return isinstance(value, (int, float, bool, str, bytes, np.generic))


def map_arrays(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply a function to each array in nested lists, tuples and dictionaries."""
    if tree is None or _is_leaf(tree):
        return None if tree is None else function(tree)
    if isinstance(tree, dict):
        return {k: map_arrays(function, v) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [map_arrays(function, v) for v in tree]
    return function(tree)


def as_arrays(tree: Any, what: str) -> Any:
    """The same tree with NumPy or JAX arrays as leaves.

    Args:
        tree: arrays, lists of numbers, frames, torch or TensorFlow tensors, or nested
            lists and dictionaries of them.
        what: `"x"`, `"y"` or `"sample_weight"`, for messages.

    Raises:
        DataError: a leaf is no array, or holds objects.
    """
    return map_arrays(lambda v: _as_array(v, what), tree)


def _as_array(value: Any, what: str) -> Any:
    if isinstance(value, jax.Array):
        return value
    if hasattr(value, "detach"):  # torch
        value = value.detach().cpu().numpy()
    elif hasattr(value, "to_numpy"):  # pandas, polars
        value = value.to_numpy()
    try:
        array = value if isinstance(value, np.ndarray) else np.asarray(value)
    except ValueError as error:
        raise DataError(f"{what} can't be made into one array: {error}.") from None
    if array.dtype == object:
        array = _from_objects(array, what)
    if array.dtype.kind in "SU":
        raise DataError(
            f"{what} holds text, such as {array.flat[0]!r}, and a model takes numbers. "
            f"Turn it into numbers first, as in `lookup({what})` with a `StringLookup`."
        )
    if array.dtype == np.float64:
        return array.astype(config.floatx())
    return array


def _from_objects(array: np.ndarray, what: str) -> np.ndarray:
    """Frames of mixed columns come as objects although every cell is a number."""
    try:
        return array.astype(config.floatx())
    except (TypeError, ValueError):
        raise DataError(
            f"{what} holds Python objects, such as {array.flat[0]!r}, that are not "
            "numbers. Rows of different lengths must be padded to one length; text "
            "must be turned into numbers, with `StringLookup` for example."
        ) from None


def num_rows(tree: Any, what: str) -> int:
    """How many rows the arrays have, which must be as many in each.

    Raises:
        DataError: they differ, or an array has no rows' axis.
    """
    rows: dict[int, tuple[int, ...]] = {}
    for array in jax.tree.leaves(tree):
        if array.ndim == 0:
            raise DataError(f"{what} is a single number; an axis of rows is needed.")
        rows[array.shape[0]] = tuple(array.shape)
    if len(rows) > 1:
        shapes = " and ".join(str(s) for s in rows.values())
        raise DataError(
            f"The arrays in {what} must have the same number of rows. They have the "
            f"shapes {shapes}."
        )
    return next(iter(rows), 0)
