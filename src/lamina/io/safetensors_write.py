"""Safetensors writer.

Reference: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
import struct
from io import BufferedWriter
from typing import Any

import jax.numpy as jnp
import numpy as np

from lamina.errors import ArgumentError
from lamina.io.checksum import Checksum, split_chunks
from lamina.typing import DTypeLike

METADATA, CHECKSUM = "__metadata__", "sha256"
_NO_CHECKSUM = "0" * 64
TYPES = {
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
_NAMES = {dtype: name for name, dtype in TYPES.items()}


class SafetensorsFile:
    """Safetensors file to be written: its contents, size and bytes.

    Args:
        arrays: arrays by name: anything with `shape` and `dtype` that NumPy can read.
        metadata: strings by name; the SHA-256 of all arrays is added.

    Raises:
        ArgumentError: the format does not support an array's dtype.
    """

    def __init__(self, arrays: dict[str, Any], metadata: dict[str, str]) -> None:
        # Largest dtypes first, so that each array is aligned to its item size. The
        # header keeps the given order.
        self.arrays = sorted(
            arrays.items(), key=lambda item: -np.dtype(item[1].dtype).itemsize
        )
        offsets: dict[str, list[int]] = {}
        end = 0
        for name, array in self.arrays:
            begin, end = end, end + _size(array)
            offsets[name] = [begin, end]
        self.metadata = metadata
        self.entries = {
            name: {
                "dtype": _type_name(name, array.dtype),
                "shape": list(array.shape),
                "data_offsets": offsets[name],
            }
            for name, array in arrays.items()
        }
        self.size = len(self._header(_NO_CHECKSUM)) + end

    def write(self, file: BufferedWriter) -> None:
        """Write all bytes from the beginning of a file.

        The header contains the checksum of the arrays after it, so it is written twice.
        """
        file.write(self._header(_NO_CHECKSUM))
        digest = Checksum()
        for _, array in self.arrays:
            dtype = np.dtype(array.dtype).newbyteorder("<")
            flat = np.ascontiguousarray(array, dtype).reshape(-1).view(np.uint8)
            for chunk in split_chunks(flat.data):
                digest.update(chunk)
                file.write(chunk)
        file.seek(0)
        file.write(self._header(digest.hexdigest()))

    def _header(self, checksum: str) -> bytes:
        metadata = {**self.metadata, CHECKSUM: checksum}
        text = json.dumps({METADATA: metadata, **self.entries}).encode()
        text += b" " * (-len(text) % 8)
        return struct.pack("<Q", len(text)) + text


def _size(array: Any) -> int:
    return math.prod(array.shape) * np.dtype(array.dtype).itemsize


def _type_name(name: str, dtype: DTypeLike) -> str:
    known = _NAMES.get(np.dtype(dtype).newbyteorder("<"))
    if known is None:
        raise ArgumentError(
            f"{name!r} of type {np.dtype(dtype).name} cannot be written: the "
            "safetensors format does not support it. Cast it to float32 first."
        )
    return known
