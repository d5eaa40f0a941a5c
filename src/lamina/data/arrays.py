"""Anything array-like as arrays that JAX takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from typing import Any

import jax
import numpy as np

from lamina import config
from lamina.data.sparse import SparseRows, dense, is_sparse
from lamina.errors import DataError

__all__ = ["as_arrays", "is_array_like", "map_arrays", "num_rows"]

_INT32 = np.iinfo(np.int32)


def is_array_like(value: Any) -> bool:
    """Whether a value is an array, a frame, or something with an array inside."""
    if isinstance(value, (np.ndarray, jax.Array)):
        return True
    return is_sparse(value) or hasattr(value, "__array__") or hasattr(value, "to_numpy")


def _is_numeric(value: Any) -> bool:
    """Whether nested lists hold plain numbers, so that they stand for one array."""
    while isinstance(value, (list, tuple)):
        if not value:
            return True
        value = value[0]
    return isinstance(value, (int, float, bool, str, bytes, np.generic))


def map_arrays(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply a function to each array in nested lists, tuples and dictionaries."""
    if tree is None:
        return None
    if isinstance(tree, Mapping) and not is_sparse(tree):  # one format is a dict
        return {k: map_arrays(function, v) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)) and not _is_numeric(tree):
        return [map_arrays(function, v) for v in tree]
    return function(tree)


def as_arrays(tree: Any, what: str, keep_sparse: bool = False) -> Any:
    """The same tree with NumPy or JAX arrays as leaves.

    Memory-mapped files stay on the disk.

    Args:
        tree: arrays, lists of numbers, frames, torch or TensorFlow tensors, sparse
            matrices, or nested lists and dictionaries of them.
        what: `"x"`, `"y"` or `"sample_weight"`, for messages.
        keep_sparse: whether SciPy's matrices become `SparseRows`, not dense arrays.

    Raises:
        DataError: a leaf is no array, or holds something else than numbers.
    """

    def convert(value: Any) -> Any:
        if keep_sparse and hasattr(value, "tocsr") and len(value.shape) == 2:
            return SparseRows(value)
        return _as_array(value, what)

    return map_arrays(convert, tree)


def _as_array(value: Any, what: str) -> Any:
    if isinstance(value, jax.Array):
        return value
    if hasattr(value, "to_numpy") and hasattr(value, "columns"):
        return _from_frame(value, what)
    if is_sparse(value):
        value = dense(value, what)
    array = _to_numpy(value, what)
    if array.dtype == object:
        array = _from_objects(array, what)
    if array.dtype.names:
        raise DataError(
            f"{what} holds records with the fields {', '.join(array.dtype.names)}. "
            "Pass the fields as separate arrays."
        )
    if array.dtype.kind in "SUmM":
        first = array.flat[0]
        raise _no_numbers(first.item() if array.dtype.kind in "SU" else first, what)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype == np.float64 and not isinstance(array, np.memmap):
        return array.astype(config.floatx())
    if array.dtype.name in ("int64", "uint64") and not _fits_32_bits(array):
        return array.astype(config.floatx())
    return array


def _to_numpy(value: Any, what: str) -> np.ndarray:
    if isinstance(value, np.ma.MaskedArray):
        return np.ma.filled(value.astype(config.floatx()), np.nan)
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "detach"):  # torch
        value = value.detach().cpu()
        # NumPy knows no bfloat16.
        return (value.float() if "bfloat16" in str(value.dtype) else value).numpy()
    if hasattr(value, "to_numpy"):  # a column of pandas or polars
        array = value.to_numpy()
        missing = array.dtype == object and hasattr(value, "isna")
        return np.where(value.isna(), np.nan, array) if missing else array
    try:
        return np.asarray(value)
    except ValueError as error:
        raise DataError(
            f"{what} can't be made into one array. Rows of different lengths must be "
            f"padded to one length. ({error})"
        ) from None


def _from_frame(frame: Any, what: str) -> np.ndarray:
    """A frame's columns side by side, in the one type that holds them all."""
    if _is_plain(frame):
        return _as_array(frame.to_numpy(), what)
    if hasattr(frame, "items"):  # pandas, where two columns may have one name
        columns = list(frame.items())
    else:
        columns = list(zip(frame.columns, frame.get_columns(), strict=True))
    arrays = [_as_array(c, f"Column {name!r} of {what}") for name, c in columns]
    return _as_array(np.stack(arrays, axis=1), what)


def _is_plain(frame: Any) -> bool:
    """Whether all columns hold numbers, and none in pandas's form with a mask."""
    kinds = {str(d).rstrip("0123456789") for d in frame.dtypes}
    capital = {"Float", "Int", "UInt"} if not hasattr(frame, "iloc") else set[str]()
    return kinds <= {"float", "int", "uint", *capital}


def _from_objects(array: np.ndarray, what: str) -> np.ndarray:
    """Numbers, or lists of them, that came as Python objects."""
    try:
        if array.ndim == 1 and array.size and np.ndim(array[0]):
            array = np.array(array.tolist())
        return array.astype(config.floatx())
    except (TypeError, ValueError):
        wrong = next(v for v in array.flat if not _is_number(v))
        raise _no_numbers(wrong, what) from None


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _no_numbers(example: Any, what: str) -> DataError:
    """The error for data that isn't numbers, given an element of it."""
    if isinstance(example, (str, bytes)):
        kind = "text"
        mend = (
            "Turn it into numbers before the model gets it, as in `lookup(x)` with a "
            "`StringLookup`: inside a model, which is compiled, it can't look up text."
        )
    elif isinstance(example, (np.datetime64, np.timedelta64, date, time, timedelta)):
        kind, example = "dates or times", str(example)
        mend = (
            "Turn them into numbers that matter for the task: years, days of the week, "
            "or days since a first date."
        )
    else:
        kind = "Python objects"
        mend = "Rows of different lengths must be padded to one length."
    return DataError(
        f"{what} holds {kind}, such as {example!r}, and a model takes numbers. {mend}"
    )


def _fits_32_bits(array: np.ndarray) -> bool:
    """Whether JAX, which has 32-bit integers by default, can hold whole numbers."""
    if jax.config.jax_enable_x64 or not array.size:  # type: ignore[attr-defined]
        return True
    return array.min() >= _INT32.min and array.max() <= _INT32.max


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
