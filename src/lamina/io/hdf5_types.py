"""Element types and shapes as HDF5 describes them."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

__all__ = ["BFLOAT16", "TEXT", "Cursor", "Damaged", "read_shape", "read_type"]

# Stands for text of any length, which has no type in NumPy.
TEXT = np.dtype(object)
BFLOAT16 = np.dtype(jnp.bfloat16)
_LONGEST_TEXT = 2**31 - 1  # of NumPy's types

# Bits of the sign, the exponent's place and length, the mantissa's, and the bias.
FLOATS: dict[tuple[int, ...], np.dtype] = {
    (15, 10, 5, 0, 10, 15): np.dtype("f2"),
    (31, 23, 8, 0, 23, 127): np.dtype("f4"),
    (63, 52, 11, 0, 52, 1023): np.dtype("f8"),
    (15, 7, 8, 0, 7, 127): BFLOAT16,
}


class Damaged(Exception):
    """What is wrong with a file, as the second half of a sentence."""


class Cursor:
    """Takes numbers and bytes from the front of a stretch of bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self.data) - self.at

    def take(self, size: int) -> bytes:
        """The next bytes."""
        if size > self.left:
            raise Damaged("an entry of it is longer than its place")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        """The next bytes as a number."""
        return int.from_bytes(self.take(size), "little")

    def padded(self, size: int) -> bytes:
        """The next bytes, and those that fill up the last eight of them."""
        return self.take(size + -size % 8)[:size]


def read_shape(cursor: Cursor) -> tuple[int, ...]:
    """The sizes in a dataspace message."""
    version, rank, flags = cursor.number(1), cursor.number(1), cursor.number(1)
    if version == 1:
        cursor.take(5)
    elif version != 2 or cursor.number(1) == 2:
        raise Damaged("an array in it has no shape")
    if rank > 32 or flags & ~1:
        raise Damaged(f"an array in it has {rank} axes")
    shape = tuple(cursor.number(8) for _ in range(rank))
    if math.prod(max(n, 1) for n in shape) >= 2**60:
        raise Damaged(f"an array in it claims to have shape {shape}")
    return shape


def read_type(cursor: Cursor) -> np.dtype:
    """The type in a datatype message."""
    kind, bits = cursor.number(1) & 15, cursor.number(3)
    size = cursor.number(4)
    order = ">" if bits & 1 else "<"
    if kind == 0 and size in (1, 2, 4, 8) and cursor.take(4) == _precision(size):
        return np.dtype(f"{order}{'i' if bits & 8 else 'u'}{size}")
    if kind == 1 and size in (2, 4, 8) and cursor.take(4) == _precision(size):
        places = (bits >> 8 & 255, *cursor.take(4), cursor.number(4))
        if places in FLOATS and FLOATS[places].itemsize == size and not bits & 64:
            return FLOATS[places].newbyteorder(order)
    if kind == 3 and 0 < size <= _LONGEST_TEXT:
        return np.dtype(f"S{size}")
    if kind == 5 and size == 2:
        return np.dtype("V2")
    if kind == 8 and size == 1 and bits == 2 and read_type(cursor).kind == "i":
        return np.dtype(bool)
    if kind == 9 and bits & 15 == 1:
        return TEXT
    raise Damaged(
        f"it holds values of {_KINDS.get(kind, 'an unknown kind')}, {size} bytes long, "
        "where numbers belong"
    )


def _precision(size: int) -> bytes:
    """The parts of a number that are used, from the first bit on: all."""
    return (8 * size << 16).to_bytes(4, "little")


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
