"""The binary form of CIFAR: rows of label bytes and 3 * 32 * 32 pixels, no pickles."""

from __future__ import annotations

import tarfile
import zlib

import numpy as np

from lamina.config import image_data_format
from lamina.datasets.fetch import get_file
from lamina.errors import FileFormatError

PIXELS = 3 * 32 * 32


def read_rows(name: str, md5: str, members: list[str], labels: int) -> np.ndarray:
    """The rows of some members of an archive that is downloaded when it must be."""
    origin = f"https://www.cs.toronto.edu/~kriz/{name}"
    path = get_file(name, origin, file_hash=md5)
    try:
        with tarfile.open(path) as archive:
            data = b"".join(_member(archive, member) for member in members)
    except (tarfile.TarError, zlib.error, EOFError, KeyError, OSError) as error:
        raise FileFormatError(f"{path} can't be read: {error}") from None
    width = labels + PIXELS
    if len(data) % width:
        raise FileFormatError(f"{path} does not hold rows of {width:,} bytes.")
    return np.frombuffer(bytearray(data), np.uint8).reshape(-1, width)


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    info = archive.getmember(name)
    file = archive.extractfile(info) if info.isreg() else None
    if file is None:
        raise tarfile.TarError(f"{name!r} is not a plain file")
    return file.read()


def images(rows: np.ndarray) -> np.ndarray:
    """The images in the layout of `lamina.config.image_data_format()`."""
    planes = rows[:, -PIXELS:].reshape(-1, 3, 32, 32)
    if image_data_format() == "channels_first":
        return planes
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
