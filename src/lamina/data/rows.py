"""Arrays on the device, taken row by row inside a program.

On the CPU, the device's memory is the user's. Large arrays are therefore not copied:
new memory of their size costs as much time as training on them for an epoch. XLA only
takes memory that begins at a multiple of 64 bytes, which NumPy's seldom does; `Rows`
leaves out what comes before the first such place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["Rows", "cut", "gather", "map_rows", "on_device"]

_ALIGNMENT = 64
_LARGE = 2**20  # bytes
_LAST = 2**31  # elements that an index of 32 bits can count


@jax.tree_util.register_pytree_node_class
class Rows:
    """An array as its elements from the first aligned one on, and its first row.

    Args:
        flat: the elements, without the first few.
        first: the first row, of shape (1, elements of a row).
        shape: the array's shape.
    """

    def __init__(self, flat: Any, first: Any, shape: tuple[int, ...]) -> None:
        self.flat, self.first, self.shape = flat, first, shape

    def tree_flatten(self) -> tuple[tuple[Any, Any], tuple[int, ...]]:
        """The arrays, and what a program is compiled for."""
        return (self.flat, self.first), self.shape

    @classmethod
    def tree_unflatten(cls, shape: tuple[int, ...], arrays: Any) -> Rows:
        """From what `tree_flatten` gives."""
        flat, first = arrays
        return cls(flat, first, shape)

    @property
    def dtype(self) -> Any:
        """The type of the elements."""
        return self.flat.dtype

    @property
    def nbytes(self) -> int:
        """The size of the whole array."""
        return math.prod(self.shape) * self.dtype.itemsize

    def gather(self, places: Any) -> jax.Array:
        """The rows of these numbers."""
        size = math.prod(self.shape[1:])
        missing = math.prod(self.shape) - self.flat.shape[0]
        windows = jax.lax.GatherDimensionNumbers(
            offset_dims=(1,), collapsed_slice_dims=(), start_index_map=(0,)
        )
        starts = jnp.maximum(places * size - missing, 0)
        found = jax.lax.gather(
            self.flat, starts[:, None], windows, (size,), mode="promise_in_bounds"
        )
        found = jnp.where((places == 0)[:, None], self.first, found)
        return found.reshape(-1, *self.shape[1:])


def map_rows(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply a function to each array, or `Rows` in place of one."""
    return jax.tree.map(function, tree, is_leaf=lambda a: isinstance(a, Rows))


def gather(array: jax.Array | Rows, places: Any) -> jax.Array:
    """The rows of different numbers, none of which is too high."""
    if isinstance(array, Rows):
        return array.gather(places)
    return array.at[places].get(mode="promise_in_bounds", unique_indices=True)


def cut(array: jax.Array | Rows, start: Any, count: int) -> jax.Array:
    """`count` rows from `start` on."""
    if isinstance(array, Rows):
        return array.gather(start + jnp.arange(count))
    return jax.lax.dynamic_slice_in_dim(array, start, count)


def on_device(array: Any) -> jax.Array | Rows:
    """An array for programs to take rows of; large ones share the user's memory."""
    if isinstance(array, jax.Array) or jax.default_backend() != "cpu":
        return jnp.asarray(array)
    dtype = jax.dtypes.canonicalize_dtype(array.dtype)
    if not (
        array.nbytes >= _LARGE
        and array.dtype == dtype
        and array.size < _LAST
        and array.flags.c_contiguous
    ):
        return jax.device_put(_aligned(array, dtype))
    unaligned = -array.ctypes.data % _ALIGNMENT
    if unaligned == 0:
        return jax.device_put(array)
    if unaligned % dtype.itemsize or unaligned > array[0].nbytes:
        return jax.device_put(_aligned(array, dtype))
    flat = array.reshape(-1)[unaligned // dtype.itemsize :]
    first = jnp.array(array[:1].reshape(1, -1))
    return Rows(jax.device_put(flat), first, array.shape)


def _aligned(array: np.ndarray, dtype: Any) -> np.ndarray:
    """A copy that JAX takes over as it is; it would copy another one again."""
    size = array.size * dtype.itemsize
    buffer = np.empty(size + _ALIGNMENT, np.uint8)
    offset = -buffer.ctypes.data % _ALIGNMENT
    aligned = buffer[offset : offset + size].view(dtype).reshape(array.shape)
    np.copyto(aligned, array, casting="unsafe")
    return aligned
