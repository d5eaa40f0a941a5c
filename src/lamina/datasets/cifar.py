"""Reader of the binary and the pickled archives of CIFAR."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from lamina.config import image_data_format
from lamina.datasets.archives import archive_errors, read_tar
from lamina.datasets.arrays import array_values, unpickle
from lamina.datasets.fetch import get_file, is_cached
from lamina.datasets.split import Split
from lamina.errors import FileFormatError

_SERVER = "https://www.cs.toronto.edu/~kriz/"
_PIXELS = 3 * 32 * 32


class Archive(NamedTuple):
    """A published archive of CIFAR.

    Attributes:
        name: its file name.
        digest: its hash, MD5 or SHA-256.
        train: its members with the training images, in order.
        test: its members with the test images.
        labels: the keys of the labels in a pickled member, in the order in which they
            precede the pixels of a binary member.
        is_pickled: whether members are pickles.
    """

    name: str
    digest: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    labels: tuple[str, ...]
    is_pickled: bool = False


def load(binary: Archive, pickled: Archive, label: str) -> Split:
    """Load the cached archive, or download the binary one.

    Args:
        binary: the binary archive.
        pickled: the pickled archive, which Keras downloads.
        label: the key of the labels to return.
    """
    use_pickled = is_cached(pickled.name) and not is_cached(binary.name)
    archive = pickled if use_pickled else binary
    path = get_file(archive.name, _SERVER + archive.name, file_hash=archive.digest)
    column = archive.labels.index(label)
    train, test = _read(path, archive)
    return _split(train, column), _split(test, column)


def _read(path: str, archive: Archive) -> tuple[np.ndarray, np.ndarray]:
    with archive_errors(f"{path} cannot be read"):
        members = read_tar(Path(path), archive.train + archive.test)
        batches = {name: _rows(name, members.pop(name), archive) for name in [*members]}
    train = np.concatenate([batches.pop(name) for name in archive.train])
    return train, np.concatenate([batches.pop(name) for name in archive.test])


def _rows(name: str, data: bytearray, archive: Archive) -> np.ndarray:
    """Return a row of label bytes and 3 * 32 * 32 pixels for each image."""
    if archive.is_pickled:
        return _unpickle_rows(name, data, archive.labels)
    width = len(archive.labels) + _PIXELS
    if len(data) % width:
        raise FileFormatError(f"{name!r} does not hold rows of {width:,} bytes.")
    return np.frombuffer(data, np.uint8).reshape(-1, width)


def _unpickle_rows(name: str, data: bytearray, labels: tuple[str, ...]) -> np.ndarray:
    batch = unpickle(data, repr(name))
    fields = batch if isinstance(batch, dict) else {}
    pixels = array_values(fields.get(b"data"))
    columns = [fields.get(key.encode()) for key in labels]
    if not isinstance(pixels, bytes) or len(pixels) % _PIXELS:
        raise FileFormatError(f"{name!r} does not hold rows of {_PIXELS:,} bytes.")
    count = len(pixels) // _PIXELS
    rows = np.empty((count, len(labels) + _PIXELS), np.uint8)
    rows[:, len(labels) :] = np.frombuffer(pixels, np.uint8).reshape(count, -1)
    for i, column in enumerate(columns):
        if not isinstance(column, list) or len(column) != count:
            raise FileFormatError(f"{name!r} does not hold {labels[i]!r}.")
        rows[:, i] = np.frombuffer(bytes(column), np.uint8)
    return rows


def _split(rows: np.ndarray, column: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the images, in the layout of `image_data_format()`, and the labels."""
    images = rows[:, -_PIXELS:].reshape(-1, 3, 32, 32)
    if image_data_format() == "channels_last":
        images = images.transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), rows[:, column : column + 1].copy()
