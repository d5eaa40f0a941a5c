"""Safetensors reader for untrusted files.

A file holds the length of the header in eight bytes, the header as JSON, and the
arrays. This reader replaces the `safetensors` package in order to apply the same limits
as to other files, to avoid memory mapping, and to support bfloat16.

Reference: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterable
from typing import Any, NamedTuple

from lamina.core.budget import readable_size
from lamina.errors import FileFormatError
from lamina.io.bounded_json import MAX_BYTES, read_json
from lamina.io.byte_range import ByteRange
from lamina.io.hdf5 import Dataset
from lamina.io.safetensors_write import CHECKSUM, METADATA, TYPES

_MAX_AXES = 32
_MAX_NAME = 4096


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
    (length,) = struct.unpack("<Q", region.read(0, 8))
    if length > MAX_BYTES:
        raise _damaged(
            region, f"its header declares {readable_size(length)}; at most "
            f"{readable_size(MAX_BYTES)} are read",
        )  # fmt: skip
    header = read_json(region.read(8, length), f"The header of {region.what}")
    metadata = header.pop(METADATA, {})
    if not isinstance(metadata, dict) or not _are_strings(metadata.values()):
        raise _damaged(region, "its metadata must be a dictionary of strings")
    data = ByteRange(
        region.file, region.what, region.start + 8 + length, region.size - 8 - length
    )
    arrays = {name: _dataset(data, name, entry) for name, entry in header.items()}
    _require_contiguous(data, list(arrays.values()))
    _verify(data, metadata.get(CHECKSUM))
    return Tensors(arrays, metadata)


def _damaged(region: ByteRange, problem: str) -> FileFormatError:
    return FileFormatError(f"{region.what} cannot be read: {problem}.")


def _are_strings(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(
        type(n) is int and 0 <= n < 2**60 for n in values
    )


def _dataset(region: ByteRange, name: str, entry: Any) -> Dataset:
    if len(name) > _MAX_NAME:
        raise _damaged(
            region,
            f"an array has a name of {len(name):,} characters; at most "
            f"{_MAX_NAME:,} are read",
        )
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _damaged(
            region,
            f"the entry of array {name!r} must have the keys dtype, shape and "
            "data_offsets",
        )
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in TYPES:
        raise _damaged(
            region, f"array {name!r} is of type {kind!r}; supported are "
            f"{', '.join(TYPES)}",
        )  # fmt: skip
    if not _are_sizes(shape) or len(shape) > _MAX_AXES:
        raise _damaged(
            region, f"array {name!r} must have a list of sizes as shape, got "
            f"{shape!r:.80}",
        )  # fmt: skip
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise _damaged(
            region, f"array {name!r} must have two data_offsets, got {offsets!r:.80}"
        )
    begin, end = offsets
    size = math.prod(shape) * TYPES[kind].itemsize
    if end - begin != size:
        raise _damaged(
            region, f"array {name!r} declares the shape {tuple(shape)}, {size:,} "
            f"bytes, but data_offsets for {end - begin:,}",
        )  # fmt: skip
    return Dataset(region, begin, tuple(shape), TYPES[kind], {})


def _require_contiguous(region: ByteRange, arrays: list[Dataset]) -> None:
    """Refuse arrays that overlap, and bytes that belong to no array."""
    position = 0
    for array in sorted(arrays, key=lambda a: (a.offset, a.size)):
        if array.offset != position:
            raise _damaged(region, "its arrays overlap, or there are gaps between them")
        position += array.size * array.dtype.itemsize
    if position != region.size:
        raise _damaged(
            region, f"its arrays take {position:,} bytes, but it has {region.size:,}"
        )


def _verify(region: ByteRange, expected: str | None) -> None:
    if expected is None:
        return
    digest = hashlib.sha256()
    for chunk in region.chunks():
        digest.update(chunk)
    if digest.hexdigest() != expected:
        raise _damaged(
            region, "its checksum is not the one recorded when it was written"
        )
