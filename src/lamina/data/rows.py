"""Arrays on the device, taken row by row inside a program.

On the CPU, the device's memory is the user's. Large arrays are therefore not copied:
new memory of their size costs as much time as training on them for an epoch. XLA only
takes memory that begins at a multiple of 64 bytes, which NumPy's seldom does; `Rows`
leaves out what comes before the first such place. It leaves out as much in all, at both
ends, wherever the array lies: else the next process would need another program.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lamina.core.fork import use_device

__all__ = ["Rows", "cut", "gather", "map_rows", "on_device"]

_ALIGNMENT = 64
_LARGE = 2**20  # bytes
_LAST = 2**31  # elements that an index of 32 bits can count


@jax.tree_util.register_pytree_node_class
class Rows:
    """An array as its elements but for a few at its ends, and the rows there.

    Args:
        flat: the elements, without the few.
        ends: the first rows and the last ones, of shape (rows, elements of a row).
        missing: how many elements `flat` lacks at the beginning.
        shape: the array's shape.
    """

    def __init__(
        self, flat: Any, ends: Any, missing: Any, shape: tuple[int, ...]
    ) -> None:
        self.flat, self.ends, self.missing = flat, ends, missing
        self.shape = shape

    def tree_flatten(self) -> tuple[tuple[Any, Any, Any], tuple[int, ...]]:
        """The arrays, and what a program is compiled for."""
        return (self.flat, self.ends, self.missing), self.shape

    @classmethod
    def tree_unflatten(cls, shape: tuple[int, ...], arrays: Any) -> Rows:
        """From what `tree_flatten` gives."""
        flat, ends, missing = arrays
        return cls(flat, ends, missing, shape)

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
        windows = jax.lax.GatherDimensionNumbers(
            offset_dims=(1,), collapsed_slice_dims=(), start_index_map=(0,)
        )
        last = self.flat.shape[0] - size
        starts = jnp.clip(places * size - self.missing, 0, last)
        found = jax.lax.gather(
            self.flat, starts[:, None], windows, (size,), mode="promise_in_bounds"
        )
        edge = self.ends.shape[0] // 2
        after = places - (self.shape[0] - edge)
        number = jnp.where(after < 0, jnp.minimum(places, edge), after + edge)
        at_end = (places < edge) | (after >= 0)
        rows = self.ends.at[number].get(mode="promise_in_bounds")
        found = jnp.where(at_end[:, None], rows, found)
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
    use_device()
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
    edge = -(-_ALIGNMENT // array[0].nbytes)
    if unaligned % dtype.itemsize or len(array) <= 2 * edge:
        return jax.device_put(_aligned(array, dtype))
    missing, spare = unaligned // dtype.itemsize, _ALIGNMENT // dtype.itemsize
    flat = array.reshape(-1)[missing : array.size - spare + missing]
    ends = np.concatenate([array[:edge], array[-edge:]]).reshape(2 * edge, -1)
    return Rows(
        jax.device_put(flat), jnp.asarray(ends), jnp.int32(missing), array.shape
    )


def _aligned(array: np.ndarray, dtype: Any) -> np.ndarray:
    """A copy that JAX takes over as it is; it would copy another one again."""
    size = array.size * dtype.itemsize
    buffer = np.empty(size + _ALIGNMENT, np.uint8)
    offset = -buffer.ctypes.data % _ALIGNMENT
    aligned = buffer[offset : offset + size].view(dtype).reshape(array.shape)
    np.copyto(aligned, array, casting="unsafe")
    return aligned
