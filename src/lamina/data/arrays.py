"""Convert array-like data to arrays for JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from typing import Any, TypeAlias

import jax
import numpy as np

from lamina import config
from lamina.data.sparse import LazyRows, dense, is_sparse, sparse_rows
from lamina.errors import DataError
from lamina.typing import PyTree

# x, y and sample weights.
Parts: TypeAlias = tuple[Any, Any, Any]

_INT32 = np.iinfo(np.int32)
# Arrays of these types are not converted.
_KEPT = frozenset(map(np.dtype, ("float32", "float16", "int32", "uint8", "bool")))


def is_array_like(value: object) -> bool:
    """Return whether a value is an array, a frame, or convertible to an array."""
    return hasattr(value, "__array__") or hasattr(value, "to_numpy") or is_sparse(value)


def _is_numeric(value: object) -> bool:
    """Return whether nested lists hold plain numbers, and so are one array."""
    while isinstance(value, (list, tuple)):
        if not value:
            return True
        value = value[0]
    return isinstance(value, (int, float, bool, str, bytes, np.generic))


def map_arrays(function: Callable[[Any], Any], tree: PyTree) -> Any:
    """Apply a function to each array in nested lists, tuples and dictionaries."""
    if tree is None:
        return None
    if isinstance(tree, Mapping) and not is_sparse(tree):  # `dok_matrix` is a dict
        return {k: map_arrays(function, v) for k, v in tree.items()}
    if isinstance(tree, (list, tuple)) and not _is_numeric(tree):
        return [map_arrays(function, v) for v in tree]
    return function(tree)


def as_arrays(tree: PyTree, what: str, keep_sparse: bool = False) -> Any:
    """Convert the leaves of a tree to NumPy or JAX arrays.

    Memory-mapped files are not read.

    Args:
        tree: arrays, lists of numbers, frames, torch or TensorFlow tensors, sparse
            matrices, or nested lists and dictionaries of them.
        what: `"x"`, `"y"` or `"sample_weight"`, for messages.
        keep_sparse: whether sparse matrices become `SparseRows`, not dense arrays, and
            rows that are converted when they are read stay so.

    Raises:
        DataError: a leaf is not an array, or holds something other than numbers.
    """

    if type(tree) is np.ndarray and tree.dtype in _KEPT:
        return tree

    def convert(value: object) -> Any:
        if isinstance(value, LazyRows):
            return value if keep_sparse else _as_array(value.toarray(), what)
        rows = sparse_rows(value) if keep_sparse else None
        return _as_array(value, what) if rows is None else rows

    return map_arrays(convert, tree)


def _as_array(value: object, what: str) -> Any:
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
        raise _not_numeric(first.item() if array.dtype.kind in "SU" else first, what)
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
        # NumPy has no bfloat16.
        return (value.float() if "bfloat16" in str(value.dtype) else value).numpy()
    if hasattr(value, "to_numpy"):  # a column of pandas or polars
        array = value.to_numpy()
        missing = array.dtype == object and hasattr(value, "isna")
        return np.where(value.isna(), np.nan, array) if missing else array
    try:
        return np.asarray(value)
    except ValueError as error:
        raise DataError(
            f"{what} cannot be converted to one array. Pad rows of different lengths "
            f"to one length. ({error})"
        ) from None


def _from_frame(frame: Any, what: str) -> np.ndarray:
    """Stack the columns of a frame, in their common dtype."""
    if _is_plain(frame):
        return _as_array(frame.to_numpy(), what)
    if hasattr(frame, "items"):  # pandas, where two columns may have one name
        columns = list(frame.items())
    else:
        columns = list(zip(frame.columns, frame.get_columns(), strict=True))
    arrays = [_as_array(c, f"Column {name!r} of {what}") for name, c in columns]
    return _as_array(np.stack(arrays, axis=1), what)


def _is_plain(frame: Any) -> bool:
    """Return whether all columns are numeric, and none is a masked pandas array."""
    kinds = {str(d).rstrip("0123456789") for d in frame.dtypes}
    capital = {"Float", "Int", "UInt"} if not hasattr(frame, "iloc") else set[str]()
    return kinds <= {"float", "int", "uint", *capital}


def _from_objects(array: np.ndarray, what: str) -> np.ndarray:
    """Convert Python objects that are numbers, or lists of them."""
    try:
        if array.ndim == 1 and array.size and np.ndim(array[0]):
            array = np.array(array.tolist())
        return array.astype(config.floatx())
    except (TypeError, ValueError):
        wrong = next(v for v in array.flat if not _is_number(v))
        raise _not_numeric(wrong, what) from None


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _not_numeric(example: object, what: str) -> DataError:
    """Return the error for data that is not numeric, given an element of it."""
    kind, mend = "Python objects", "Pad rows of different lengths to one length."
    if isinstance(example, (str, bytes)):
        kind = "strings"
        if what == "sample_weight":
            return DataError(
                f"sample_weight must be numbers, one for each row, not {example!r}."
            )
        mend = "Convert it before the model: `x = StringLookup(vocabulary=[...])(x)`."
        if what == "y":
            mend = "Number the classes: `names, y = np.unique(y, return_inverse=True)`."
    elif isinstance(example, (np.datetime64, np.timedelta64, date, time, timedelta)):
        kind, mend = "dates or times", "Convert them, as to days since a first date."
        example = str(example)
    return DataError(
        f"{what} holds {kind}, such as {example!r}, but must hold numbers. {mend}"
    )


def _fits_32_bits(array: np.ndarray) -> bool:
    """Return whether integers fit JAX's default 32-bit integers."""
    if jax.config.jax_enable_x64 or not array.size:  # type: ignore[attr-defined]
        return True
    return array.min() >= _INT32.min and array.max() <= _INT32.max


def num_rows(tree: PyTree, what: str) -> int:
    """Return the number of rows, which must be the same in all arrays.

    Raises:
        DataError: the numbers differ, or an array is a scalar.
    """
    rows: dict[int, tuple[int, ...]] = {}
    for array in jax.tree.leaves(tree):
        if array.ndim == 0:
            raise DataError(
                f"{what} is a scalar; it needs an axis of rows. A data set must give "
                "batches of rows, not single ones."
            )
        rows[array.shape[0]] = tuple(array.shape)
    if len(rows) > 1:
        shapes = " and ".join(str(s) for s in rows.values())
        raise DataError(
            f"The arrays in {what} must have the same number of rows. They have the "
            f"shapes {shapes}."
        )
    return next(iter(rows), 0)


def rows_mend(x: PyTree, name: str, part: PyTree, count: int) -> str:
    """Return how to mend parts of data with different numbers of rows.

    Args:
        x: the data, as it was passed.
        name: name of the other part, such as "y".
        part: that part as arrays.
        count: its number of rows.
    """
    if not jax.tree.leaves(part):
        return f"{name} holds None."
    if isinstance(x, (list, tuple)) and len(x) == count > 1:
        return (
            f"A list is one array for each of several inputs. If its {count} arrays "
            "are rows, pass np.array(x)."
        )
    shape = getattr(x, "shape", ())
    if len(shape) > 1 and shape[1] == count:
        return (
            f"x has shape {tuple(shape)}, and rows are counted along its first axis. "
            f"If it holds {shape[0]} inputs, pass list(x)."
        )
    if len(shape) == 1 and count == 1:
        return (
            f"If x of shape {tuple(shape)} is one row, make it a batch of rows: "
            "`.batch(32)` for a data set, x[None] for an array."
        )
    return "Each row of x needs one."
