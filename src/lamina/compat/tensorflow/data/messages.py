"""Messages of Protocol Buffers, the format of `tf.train.Example`."""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator

import numpy as np

from lamina.errors import FileFormatError

# Kinds of a field: a number, 8 bytes, a length and bytes, 4 bytes.
VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5
_SIZES = {FIXED_64: 8, FIXED_32: 4}
_POLYNOMIAL = 0x82F63B78


def varint(value: int) -> bytes:
    """Return a number as bytes of seven bits each, the low ones first."""
    rest, found = value & 0xFFFFFFFFFFFFFFFF, bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*found, rest])


def read_varint(data: bytes, start: int) -> tuple[int, int]:
    """Return the number at a position, and the position after it.

    Raises:
        FileFormatError: it does not end.
    """
    value = 0
    for shift, position in enumerate(range(start, min(start + 10, len(data)))):
        value |= (data[position] & 0x7F) << 7 * shift
        if data[position] < 0x80:
            return value, position + 1
    raise FileFormatError("A message ends within a number. Write the file again.")


def field(number: int, content: bytes) -> bytes:
    """Return a field of bytes."""
    return varint(number << 3 | BYTES) + varint(len(content)) + content


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the number of each field, and its content.

    Raises:
        FileFormatError: a field is longer than the message.
    """
    position = 0
    while position < len(data):
        key, position = read_varint(data, position)
        if key & 7 == VARINT:
            value, position = read_varint(data, position)
            yield key >> 3, value
            continue
        if key & 7 == BYTES:
            size, position = read_varint(data, position)
        else:
            size = _SIZES.get(key & 7, len(data) + 1)
        if size > len(data) - position:
            raise FileFormatError(
                f"A field of {size} bytes is longer than its message. Write the file "
                "again."
            )
        yield key >> 3, data[position : position + size]
        position += size


def _row(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = [_row(byte) for byte in range(256)]
# NumPy computes blocks of this many bytes, Python shorter data.
_BLOCK, _SHORT = 1024, 64


@functools.cache
def _tables() -> np.ndarray:
    """Return the table for a byte that is followed by 0, 1, 2 and more bytes."""
    rows: list[np.ndarray] = [np.array(_TABLE, np.uint32)]
    for _ in range(_BLOCK - 1):
        rows.append(rows[0][rows[-1] & 0xFF] ^ rows[-1] >> 8)
    return np.stack(rows)


def _checksum(data: bytes, found: int) -> int:
    """Return the checksum of bytes that come after those of another checksum."""
    if len(data) < _SHORT:
        for byte in data:
            found = _TABLE[(found ^ byte) & 0xFF] ^ found >> 8
        return found
    first = int.from_bytes(data[:4], "little") ^ found
    items = np.frombuffer(first.to_bytes(4, "little") + data[4:], np.uint8)
    behind = np.arange(len(items) - 1, -1, -1)
    return int(np.bitwise_xor.reduce(_tables()[behind, items]))


def masked_checksum(data: bytes) -> bytes:
    """Return the CRC-32C of bytes, rotated and shifted as `TFRecord` files have it."""
    found = 0xFFFFFFFF
    for start in range(0, len(data), _BLOCK):
        found = _checksum(data[start : start + _BLOCK], found)
    found ^= 0xFFFFFFFF
    rotated = found >> 15 | found << 17 & 0xFFFFFFFF
    return struct.pack("<I", (rotated + 0xA282EAD8) & 0xFFFFFFFF)
