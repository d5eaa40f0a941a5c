"""Safetensors reader for untrusted files, and writer.

A file holds the length of the header in eight bytes, the header as JSON, and the
arrays. This reader replaces the `safetensors` package in order to apply the same limits
as to other files, to avoid memory mapping, and to support bfloat16.

Reference: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import IO, NamedTuple, TypeGuard

import jax.numpy as jnp
import numpy as np

from lamina.core.untrusted import readable_size
from lamina.errors import ArgumentError, FileFormatError
from lamina.io.bounded_json import MAX_BYTES, read_json
from lamina.io.byte_range import ByteRange, DamagedError, require, sha256
from lamina.io.checksum import AnyArray, Checksum, array_chunks, nbytes
from lamina.io.hdf5 import Dataset

METADATA, CHECKSUM = "__metadata__", "sha256"
_NO_CHECKSUM = "0" * 64
_MAX_AXES = 32
_MAX_NAME = 4096
_TYPES = {
    "BOOL": np.dtype(bool),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "I16": np.dtype("<i2"),
    "U16": np.dtype("<u2"),
    "I32": np.dtype("<i4"),
    "U32": np.dtype("<u4"),
    "I64": np.dtype("<i8"),
    "U64": np.dtype("<u8"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(jnp.bfloat16),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "F8_E4M3": np.dtype(jnp.float8_e4m3fn),
    "F8_E5M2": np.dtype(jnp.float8_e5m2),
    "C64": np.dtype("<c8"),
}
_KNOWN = ", ".join(_TYPES)
_NAMES = {dtype: name for name, dtype in _TYPES.items()}


class Tensors(NamedTuple):
    """Arrays and metadata of a safetensors file, by name."""

    arrays: dict[str, Dataset]
    metadata: dict[str, str]


def is_safetensors(start: bytes) -> bool:
    """Return whether the first nine bytes of a file are those of this format."""
    return start[8:9] == b"{"


def read_safetensors(region: ByteRange) -> Tensors:
    """Read the arrays of a file; values are read on demand.

    Raises:
        FileFormatError: the file is damaged, its header is too large, or an array's
            offset or size does not match the header.
    """
    try:
        return _read(region)
    except DamagedError as error:
        raise FileFormatError(f"{region.what} cannot be read: {error}.") from None


def _read(region: ByteRange) -> Tensors:
    (length,) = struct.unpack("<Q", region.read(0, 8))
    size, most = readable_size(length), readable_size(MAX_BYTES)
    require(length <= MAX_BYTES, f"its header declares {size}; at most {most} are read")
    header = read_json(region.read(8, length), f"The header of {region.what}")
    metadata = header.pop(METADATA, {})
    values = metadata.values() if isinstance(metadata, dict) else [None]
    are_strings = all(isinstance(value, str) for value in values)
    require(are_strings, "its metadata must be a dictionary of strings")
    data = region.part(8 + length, region.size - 8 - length)
    arrays = {name: _dataset(data, name, entry) for name, entry in header.items()}
    _require_contiguous(data, list(arrays.values()))
    is_same = CHECKSUM not in metadata or sha256([data]) == metadata[CHECKSUM]
    require(is_same, "its checksum is not the one recorded when it was written")
    return Tensors(arrays, metadata)


def _are_sizes(values: object, most: int) -> TypeGuard[list[int]]:
    return (
        isinstance(values, list)
        and len(values) <= most
        and all(type(n) is int and 0 <= n < 2**60 for n in values)
    )


def _dataset(region: ByteRange, name: str, entry: object) -> Dataset:
    count = f"{len(name):,} characters; at most {_MAX_NAME:,} are read"
    require(len(name) <= _MAX_NAME, f"an array has a name of {count}")
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        keys = "dtype, shape and data_offsets"
        raise DamagedError(f"the entry of array {name!r} must have the keys {keys}")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in _TYPES:
        raise DamagedError(
            f"array {name!r} is of type {kind!r}; supported are {_KNOWN}"
        )
    if not _are_sizes(shape, _MAX_AXES):
        needed = "a list of sizes as shape"
        raise DamagedError(f"array {name!r} must have {needed}, got {shape!r:.80}")
    if not _are_sizes(offsets, 2) or len(offsets) != 2:
        needed = "two data_offsets"
        raise DamagedError(f"array {name!r} must have {needed}, got {offsets!r:.80}")
    begin, end = offsets
    size = math.prod(shape) * _TYPES[kind].itemsize
    require(
        end - begin == size,
        f"array {name!r} declares the shape {tuple(shape)}, {size:,} bytes, but "
        f"data_offsets for {end - begin:,}",
    )
    return Dataset(region, begin, tuple(shape), _TYPES[kind], {})


def _require_contiguous(region: ByteRange, arrays: list[Dataset]) -> None:
    """Refuse arrays that overlap, and bytes that belong to no array."""
    position = 0
    for array in sorted(arrays, key=lambda a: (a.offset, a.size)):
        is_next = array.offset == position
        require(is_next, "its arrays overlap, or there are gaps between them")
        position += array.nbytes
    size = region.size
    require(
        position == size, f"its arrays take {position:,} bytes, but it has {size:,}"
    )


class SafetensorsFile:
    """Safetensors file to be written: its contents, size and bytes.

    Args:
        arrays: arrays by name: anything with `shape` and `dtype` that NumPy can read.
        metadata: strings by name; the SHA-256 of all arrays is added.

    Raises:
        ArgumentError: the format does not support an array's dtype.
    """

    def __init__(
        self, arrays: Mapping[str, AnyArray], metadata: dict[str, str]
    ) -> None:
        # Largest dtypes first, so that each array is aligned to its item size. The
        # header keeps the given order.
        self.arrays = sorted(
            arrays.items(), key=lambda item: -np.dtype(item[1].dtype).itemsize
        )
        offsets: dict[str, list[int]] = {}
        end = 0
        for name, array in self.arrays:
            begin, end = end, end + nbytes(array)
            offsets[name] = [begin, end]
        self.metadata = metadata
        self.entries = {
            name: {
                "dtype": _type_name(name, array),
                "shape": list(array.shape),
                "data_offsets": offsets[name],
            }
            for name, array in arrays.items()
        }
        self.size = len(self._header(_NO_CHECKSUM)) + end

    def write(self, file: IO[bytes]) -> None:
        """Write all bytes from the beginning of a file.

        The header contains the checksum of the arrays after it, so it is written twice.
        """
        file.write(self._header(_NO_CHECKSUM))
        digest = Checksum()
        for _, array in self.arrays:
            for chunk in array_chunks(array, np.dtype(array.dtype).newbyteorder("<")):
                digest.update(chunk)
                file.write(chunk)
        file.seek(0)
        file.write(self._header(digest.hexdigest()))

    def _header(self, checksum: str) -> bytes:
        metadata = {**self.metadata, CHECKSUM: checksum}
        text = json.dumps({METADATA: metadata, **self.entries}).encode()
        text += b" " * (-len(text) % 8)
        return struct.pack("<Q", len(text)) + text


def _type_name(name: str, array: AnyArray) -> str:
    known = _NAMES.get(np.dtype(array.dtype).newbyteorder("<"))
    if known is None:
        raise ArgumentError(
            f"{name!r} of type {array.dtype.name} cannot be written: the "
            "safetensors format does not support it. Cast it to float32 first."
        )
    return known
