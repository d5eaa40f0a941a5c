"""Element types and shapes as HDF5 describes them."""

from __future__ import annotations

import math
import struct
from typing import Any

import jax.numpy as jnp
import numpy as np

from lamina.io.byte_range import DamagedError, require

# Represents strings of variable length, for which NumPy has no type.
TEXT = np.dtype(object)
BFLOAT16 = np.dtype(jnp.bfloat16)
_MAX_STRING_BYTES = 2**31 - 1  # of a NumPy string type

# Sign bit; offset and size of exponent and mantissa; exponent bias.
FLOAT_LAYOUTS: dict[tuple[int, ...], np.dtype] = {
    (15, 10, 5, 0, 10, 15): np.dtype("f2"),
    (31, 23, 8, 0, 23, 127): np.dtype("f4"),
    (63, 52, 11, 0, 52, 1023): np.dtype("f8"),
    (15, 7, 8, 0, 7, 127): BFLOAT16,
}


class Cursor:
    """Sequential reader of integers and bytes from a byte string."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    @property
    def remaining(self) -> int:
        """Number of bytes that have not been read."""
        return len(self.data) - self.position

    def read(self, size: int) -> bytes:
        """Read bytes."""
        is_inside = size <= self.remaining
        require(is_inside, "an entry in it is longer than the available bytes")
        self.position += size
        return self.data[self.position - size : self.position]

    def read_int(self, size: int) -> int:
        """Read a little-endian unsigned integer."""
        return int.from_bytes(self.read(size), "little")

    def unpack(self, layout: str) -> tuple[Any, ...]:
        """Read values in a layout of `struct`."""
        return struct.unpack(layout, self.read(struct.calcsize(layout)))

    def read_padded(self, size: int) -> bytes:
        """Read bytes and skip the padding to a multiple of eight."""
        return self.read(size + -size % 8)[:size]


def read_shape(cursor: Cursor) -> tuple[int, ...]:
    """Read the shape in a dataspace message."""
    version, rank, flags = cursor.unpack("<3B")
    if version == 1:
        cursor.read(5)
    elif version != 2 or cursor.read_int(1) == 2:
        raise DamagedError("an array in it has no shape")
    if rank > 32 or flags & ~1:
        raise DamagedError(f"an array in it has {rank} axes; at most 32 are supported")
    shape = cursor.unpack(f"<{rank}Q")
    if math.prod(max(n, 1) for n in shape) >= 2**60:
        raise DamagedError(f"an array in it declares the shape {shape}")
    return shape


def read_type(cursor: Cursor) -> np.dtype:
    """Read the dtype in a datatype message."""
    head, size = cursor.unpack("<2I")
    kind, bits = head & 15, head >> 8
    order = ">" if bits & 1 else "<"
    if kind in (0, 1) and size in (1, 2, 4, 8):
        # All bits of the number are used: bit offset 0, and the whole precision.
        is_whole = cursor.unpack("<2H") == (0, 8 * size)
        if kind == 0 and is_whole:
            return np.dtype(f"{order}{'i' if bits & 8 else 'u'}{size}")
        if kind == 1 and is_whole and not bits & 64:
            dtype = FLOAT_LAYOUTS.get((bits >> 8 & 255, *cursor.unpack("<4BI")))
            if dtype is not None and dtype.itemsize == size:
                return dtype.newbyteorder(order)
    if kind == 3 and 0 < size <= _MAX_STRING_BYTES:
        return np.dtype(f"S{size}")
    if kind == 5 and size == 2:
        return np.dtype("V2")
    if kind == 8 and size == 1 and bits == 2 and read_type(cursor).kind == "i":
        return np.dtype(bool)
    if kind == 9 and bits & 15 == 1:
        return TEXT
    raise DamagedError(
        f"it holds values of {_KINDS.get(kind, 'an unknown kind')}, {size} bytes long, "
        "but only numbers are supported"
    )


_KINDS = {
    0: "an uncommon integer type",
    1: "an uncommon float type",
    2: "a time type",
    3: "a text type",
    4: "a bit field type",
    5: "an opaque type",
    6: "a compound type",
    7: "a reference type",
    8: "an enumerated type",
    9: "a type of variable length",
    10: "an array type",
}
