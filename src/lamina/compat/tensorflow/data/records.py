"""Files of records, `TFRecord`."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from os import PathLike
from typing import Any, BinaryIO

from lamina.compat.tensorflow.base.tensors import on_host
from lamina.compat.tensorflow.data.dataset import Dataset, as_dataset
from lamina.compat.tensorflow.data.messages import masked_checksum
from lamina.compat.tensorflow.data.sources import Filenames, paths
from lamina.errors import FileFormatError


class TFRecordOptions:
    """Settings of a file of records.

    Args:
        compression_type: "GZIP", "ZLIB", "" or `None`.
        **unused: further settings without effect.
    """

    def __init__(self, compression_type: str | None = None, **unused: object) -> None:
        self.compression_type = compression_type


class TFRecordWriter:
    """Writer of a file of records.

    Args:
        path: the file.
        options: settings, or their `compression_type`.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        options: TFRecordOptions | str | None = None,
    ) -> None:
        kind = options if isinstance(options, str) else None
        if isinstance(options, TFRecordOptions):
            kind = options.compression_type
        opened = gzip.open if kind == "GZIP" else open
        self._file: Any = opened(path, "wb")
        self._compressor = zlib.compressobj() if kind == "ZLIB" else None

    def write(self, record: Any) -> None:
        """Write a record of bytes, or all items of a data set."""
        if hasattr(record, "as_numpy_iterator"):
            for item in record.as_numpy_iterator():
                self.write(item)
            self.close()
            return
        data = on_host(record).item()
        size = struct.pack("<Q", len(data))
        self._put(size + masked_checksum(size) + data + masked_checksum(data))

    def _put(self, data: bytes) -> None:
        self._file.write(self._compressor.compress(data) if self._compressor else data)

    def flush(self) -> None:
        """Write what is in memory to the file."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._compressor is not None and not self._file.closed:
            self._file.write(self._compressor.flush())
        self._file.close()

    def __enter__(self) -> TFRecordWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class TFRecordDataset(Dataset):
    """Data set of the records of files, as bytes.

    Args:
        filenames: a path, several, or a data set of them.
        compression_type: "GZIP", "ZLIB", "" or `None`.
        *unused: further arguments without effect.
        **named: see `unused`.
    """

    def __init__(
        self,
        filenames: Filenames,
        compression_type: str | None = None,
        *unused: object,
        **named: object,
    ) -> None:
        def iterate() -> Iterator[Any]:
            for name in _names(filenames):
                with _opened(name, compression_type) as file:
                    yield from (on_host(record) for record in _records(file, name))

        super().__init__(iterate)


def _names(filenames: Any) -> Iterable[str]:
    if hasattr(filenames, "as_numpy_iterator"):
        return (p for item in as_dataset(filenames).items() for p in paths(item))
    return paths(filenames)


def _opened(path: str, compression_type: str | None) -> BinaryIO:
    if compression_type == "GZIP":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if compression_type == "ZLIB":
        with open(path, "rb") as file:
            return io.BytesIO(zlib.decompress(file.read()))
    return open(path, "rb")


def _records(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield the records of a file, whose lengths have a checksum.

    Raises:
        FileFormatError: it is not a file of records, or a record is cut off.
    """
    while head := file.read(12):
        if len(head) < 12 or masked_checksum(head[:8]) != head[8:]:
            raise FileFormatError(
                f"{name!r} is not a TFRecord file, or it is compressed. Pass "
                "`compression_type`, such as 'GZIP'."
            )
        (size,) = struct.unpack("<Q", head[:8])
        data = file.read(size)
        if len(data) < size or len(file.read(4)) < 4:
            raise FileFormatError(
                f"{name!r} ends within a record of {size} bytes. Write it again."
            )
        yield data
