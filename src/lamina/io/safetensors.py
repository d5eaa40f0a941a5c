"""Safetensors: arrays under names, in the format that most weights are shared in.

A file is the length of a header in eight bytes, the header as JSON, and the arrays one
after the other. It is read here rather than by the package of that name: within the
bounds of every other file, without mapping it into memory, and with bfloat16.

Reference: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import hashlib
import math
import struct
from typing import Any, NamedTuple

from lamina.core.budget import readable_size
from lamina.errors import FileFormatError
from lamina.io.bounded_json import MAX_BYTES, read_json
from lamina.io.byte_range import ByteRange
from lamina.io.hdf5 import Dataset
from lamina.io.safetensors_write import CHECKSUM, METADATA, TYPES

__all__ = ["Tensors", "is_safetensors", "read_safetensors"]

_MAX_AXES = 32
_MAX_NAME = 4096


class Tensors(NamedTuple):
    """What a file holds: arrays by name, and texts by name."""

    arrays: dict[str, Dataset]
    metadata: dict[str, str]


def is_safetensors(start: bytes) -> bool:
    """Whether the first nine bytes of a file are those of this format."""
    return start[8:9] == b"{"


def read_safetensors(region: ByteRange) -> Tensors:
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
    metadata = header.pop(METADATA, {})
    if not isinstance(metadata, dict) or not _are_texts(metadata.values()):
        raise _damaged(region, "its metadata are no texts")
    data = ByteRange(
        region.file, region.what, region.start + 8 + length, region.size - 8 - length
    )
    arrays = {name: _array(data, name, entry) for name, entry in header.items()}
    _require_contiguous(data, list(arrays.values()))
    _verify(data, metadata.get(CHECKSUM))
    return Tensors(arrays, metadata)


def _damaged(region: ByteRange, problem: str) -> FileFormatError:
    return FileFormatError(f"{region.what} can't be read: {problem}.")


def _are_texts(values: Any) -> bool:
    return all(isinstance(value, str) for value in values)


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(
        type(n) is int and 0 <= n < 2**60 for n in values
    )


def _array(region: ByteRange, name: str, entry: Any) -> Dataset:
    if len(name) > _MAX_NAME:
        raise _damaged(region, f"an array has a name of {len(name):,} characters")
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _damaged(region, f"array {name!r} is not described as arrays are")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in TYPES:
        raise _damaged(
            region, f"array {name!r} is of type {kind!r}; lamina reads "
            f"{', '.join(TYPES)}",
        )  # fmt: skip
    if not _are_sizes(shape) or len(shape) > _MAX_AXES:
        raise _damaged(region, f"array {name!r} has no shape, but {shape!r:.80}")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise _damaged(region, f"array {name!r} has no place, but {offsets!r:.80}")
    begin, end = offsets
    size = math.prod(shape) * TYPES[kind].itemsize
    if end - begin != size:
        raise _damaged(
            region, f"array {name!r} claims to have shape {tuple(shape)}, {size:,} "
            f"bytes, and a place of {end - begin:,}",
        )  # fmt: skip
    return Dataset(region, begin, tuple(shape), TYPES[kind], {})


def _require_contiguous(region: ByteRange, arrays: list[Dataset]) -> None:
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


def _verify(region: ByteRange, expected: str | None) -> None:
    if expected is None:
        return
    digest = hashlib.sha256()
    for chunk in region.chunks():
        digest.update(chunk)
    if digest.hexdigest() != expected:
        raise _damaged(region, "its checksum is not the one noted when it was written")
