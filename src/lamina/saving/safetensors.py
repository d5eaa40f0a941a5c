"""Safetensors: arrays under names, in the format that most weights are shared in.

A file is the length of a header in eight bytes, the header as JSON, and the arrays one
after the other. It is read here rather than by the package of that name: within the
bounds of every other file, without mapping it into memory, and with bfloat16.

Reference: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from io import BufferedWriter
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from lamina.core.limits import readable_size
from lamina.errors import ArgumentError, FileFormatError
from lamina.saving.bounded_json import MAX_BYTES, read_json
from lamina.saving.checksum import Checksum, chunks
from lamina.saving.hdf5 import Dataset
from lamina.saving.region import Region

__all__ = ["SafetensorsFile", "Tensors", "is_safetensors", "read_safetensors"]

_METADATA, _CHECKSUM = "__metadata__", "sha256"
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
_NAMES = {dtype: name for name, dtype in _TYPES.items()}


class Tensors(NamedTuple):
    """What a file holds: arrays by name, and texts by name."""

    arrays: dict[str, Dataset]
    metadata: dict[str, str]


def is_safetensors(start: bytes) -> bool:
    """Whether the first nine bytes of a file are those of this format."""
    return start[8:9] == b"{"


def read_safetensors(region: Region) -> Tensors:
    """The arrays of a file; values are read when asked for.

    Raises:
        FileFormatError: the file is damaged, its header is too large, or an array is
            not where and as large as the header says.
    """
    (length,) = struct.unpack("<Q", region.read(0, 8))
    if length > MAX_BYTES:
        raise _damaged(
            region, f"its header is said to have {readable_size(length)}; at most "
            f"{readable_size(MAX_BYTES)} are read",
        )  # fmt: skip
    header = read_json(region.read(8, length), f"The header of {region.what}")
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not _are_texts(metadata.values()):
        raise _damaged(region, "its metadata are no texts")
    data = Region(
        region.file, region.what, region.start + 8 + length, region.size - 8 - length
    )
    arrays = {name: _array(data, name, entry) for name, entry in header.items()}
    _require_contiguous(data, list(arrays.values()))
    _verify(data, metadata.get(_CHECKSUM))
    return Tensors(arrays, metadata)


def _damaged(region: Region, problem: str) -> FileFormatError:
    return FileFormatError(f"{region.what} can't be read: {problem}.")


def _are_texts(values: Any) -> bool:
    return all(isinstance(value, str) for value in values)


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(
        type(n) is int and 0 <= n < 2**60 for n in values
    )


def _array(region: Region, name: str, entry: Any) -> Dataset:
    if len(name) > _MAX_NAME:
        raise _damaged(region, f"an array has a name of {len(name):,} characters")
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _damaged(region, f"array {name!r} is not described as arrays are")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in _TYPES:
        raise _damaged(
            region, f"array {name!r} is of type {kind!r}; lamina reads "
            f"{', '.join(_TYPES)}",
        )  # fmt: skip
    if not _are_sizes(shape) or len(shape) > _MAX_AXES:
        raise _damaged(region, f"array {name!r} has no shape, but {shape!r:.80}")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise _damaged(region, f"array {name!r} has no place, but {offsets!r:.80}")
    begin, end = offsets
    size = math.prod(shape) * _TYPES[kind].itemsize
    if end - begin != size:
        raise _damaged(
            region, f"array {name!r} claims to have shape {tuple(shape)}, {size:,} "
            f"bytes, and a place of {end - begin:,}",
        )  # fmt: skip
    return Dataset(region, begin, tuple(shape), _TYPES[kind], {})


def _require_contiguous(region: Region, arrays: list[Dataset]) -> None:
    """Refuse arrays that share bytes, and bytes that belong to none."""
    at = 0
    for array in sorted(arrays, key=lambda a: (a.offset, a.size)):
        if array.offset != at:
            raise _damaged(region, "its arrays overlap, or there are gaps between them")
        at += array.size * array.dtype.itemsize
    if at != region.size:
        raise _damaged(
            region, f"its arrays take {at:,} bytes, and {region.size:,} are there"
        )


def _verify(region: Region, expected: str | None) -> None:
    if expected is None:
        return
    digest = hashlib.sha256()
    for chunk in region.chunks():
        digest.update(chunk)
    if digest.hexdigest() != expected:
        raise _damaged(region, "its checksum is not the one noted when it was written")


class SafetensorsFile:
    """What a file will hold, and its bytes.

    Args:
        arrays: arrays by name: anything with `shape` and `dtype` that NumPy can read.
        metadata: texts by name; the SHA-256 of all arrays is added to them.

    Raises:
        ArgumentError: an array's type has no place in the format.
    """

    def __init__(self, arrays: dict[str, Any], metadata: dict[str, str]) -> None:
        # The largest elements first, so that every array begins at a multiple of its
        # element's size; the header keeps the order given.
        self.arrays = sorted(
            arrays.items(), key=lambda item: -np.dtype(item[1].dtype).itemsize
        )
        places: dict[str, list[int]] = {}
        end = 0
        for name, array in self.arrays:
            begin, end = end, end + _size(array)
            places[name] = [begin, end]
        self.metadata = metadata
        self.entries = {
            name: {
                "dtype": _type_name(name, array.dtype),
                "shape": list(array.shape),
                "data_offsets": places[name],
            }
            for name, array in arrays.items()
        }
        self.size = len(self._header(_NO_CHECKSUM)) + end

    def write(self, file: BufferedWriter) -> None:
        """Write all bytes from the beginning of a file.

        The checksum stands in front of what it is of, so the header is written twice.
        """
        file.write(self._header(_NO_CHECKSUM))
        digest = Checksum()
        for _, array in self.arrays:
            flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            for chunk in chunks(flat.data):
                digest.update(chunk)
                file.write(chunk)
        file.seek(0)
        file.write(self._header(digest.hexdigest()))

    def _header(self, checksum: str) -> bytes:
        metadata = {**self.metadata, _CHECKSUM: checksum}
        text = json.dumps({_METADATA: metadata, **self.entries}).encode()
        text += b" " * (-len(text) % 8)
        return struct.pack("<Q", len(text)) + text


def _size(array: Any) -> int:
    return math.prod(array.shape) * np.dtype(array.dtype).itemsize


def _type_name(name: str, dtype: Any) -> str:
    known = _NAMES.get(np.dtype(dtype).newbyteorder("<"))
    if known is None:
        raise ArgumentError(
            f"{name!r} of type {np.dtype(dtype).name} can't be written: safetensors "
            "files have no place for it. Cast it to float32 first."
        )
    return known
