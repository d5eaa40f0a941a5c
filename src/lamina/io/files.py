"""Opening files for reading and writing them atomically."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import TypeAlias

from lamina import config
from lamina.core.untrusted import readable_size
from lamina.errors import ArgumentError, FileFormatError, MissingFileError, SaveError

StrPath: TypeAlias = str | os.PathLike[str]

# File name suffixes of the Keras 2 layout.
HDF5_SUFFIXES = (".h5", ".hdf5")

# Free disk space to leave to other programs.
_RESERVED_BYTES = 2**20


def _as_path(filepath: StrPath) -> Path:
    try:
        return Path(filepath)
    except TypeError:
        raise ArgumentError(
            "`filepath` must be a string or a `pathlib.Path`, got "
            f"{type(filepath).__name__}: {filepath!r}."
        ) from None


def is_folder(filepath: StrPath) -> bool:
    """Return whether a path is that of an existing folder."""
    is_path = isinstance(filepath, (str, os.PathLike))  # a number is an open file
    return is_path and os.path.isdir(filepath)


@contextmanager
def open_file(filepath: StrPath) -> Iterator[BufferedReader]:
    """Open a local file for reading.

    Raises:
        MissingFileError: the file does not exist.
        ArgumentError: the path is a folder.
        FileFormatError: the file cannot be opened.
    """
    path = _as_path(filepath)
    if not path.is_file():
        if path.is_dir():
            raise ArgumentError(f"{str(path)!r} is a folder, not a file.")
        raise MissingFileError(f"No such file: {str(path)!r}.")
    try:
        file = path.open("rb")
    except OSError as error:
        raise FileFormatError(
            f"{str(path)!r} cannot be opened: {error.strerror}."
        ) from error
    with file:
        yield file


def read_file(filepath: StrPath) -> bytes:
    """Return the contents of a local file, if they fit in memory.

    Raises:
        MissingFileError: the file does not exist, or is not a regular one.
        ArgumentError: the path is a folder.
        FileFormatError: the file is larger than the memory limit.
    """
    with open_file(filepath) as file:
        size, limit = os.fstat(file.fileno()).st_size, config.memory_limit()
        if size > limit:
            raise FileFormatError(
                f"{str(filepath)!r} has {readable_size(size)}, more than the memory "
                f"limit of {readable_size(limit)}."
            )
        return file.read()


def check_target(filepath: StrPath, suffixes: Sequence[str], overwrite: bool) -> Path:
    """Check that a file may be written and return its path.

    Raises:
        ArgumentError: the suffix is not one of `suffixes`, or the file exists and
            `overwrite` is false.
    """
    path = _as_path(filepath)
    if not path.name.endswith(tuple(suffixes)):
        raise ArgumentError(
            f"The file's name must end in {' or '.join(map(repr, suffixes))}. "
            f"Received: {str(path)!r}."
        )
    if path.exists() and not overwrite:
        raise ArgumentError(
            f"{str(path)!r} already exists. Pass overwrite=True to replace it."
        )
    return path


def is_legacy_hdf5(filepath: object) -> bool:
    """Return whether a path names a file in the Keras 2 layout."""
    name = str(filepath)
    return name.endswith(HDF5_SUFFIXES) and not name.endswith(".weights.h5")


def warn_legacy_format(filepath: object, preferred: str) -> None:
    """Log a warning, as Keras does, if a path names a file in the Keras 2 layout.

    Args:
        filepath: any path.
        preferred: the suffix to recommend.
    """
    if is_legacy_hdf5(filepath):
        logging.getLogger("lamina").warning(
            f"{filepath} is written in the legacy HDF5 format of Keras 2. Prefer a "
            f"name that ends in {preferred}: that format stores the whole state and "
            "checksums."
        )


@contextmanager
def atomic_write(
    path: Path, size: int, durable: bool = True
) -> Iterator[BufferedWriter]:
    """Open a temporary file that replaces `path` when the block ends.

    The temporary file is in the same folder and is flushed to disk before it is
    renamed, so that even after a power failure `path` is the old file or the new one.

    Args:
        path: the file to replace or create.
        size: number of bytes that will be written.
        durable: whether to wait until the disk has the file. Without it, the file may
            be lost in a power failure, but other programs never see a part of it.

    Raises:
        SaveError: the folder cannot be written to or the disk is full; the old file
            is unchanged.
    """
    # Replace the file that a symbolic link points to, not the link.
    path = Path(os.path.realpath(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(path.parent).free
        if free < size + _RESERVED_BYTES:
            raise SaveError(
                f"{str(path)!r} was not written: it needs {readable_size(size)}, and "
                f"the disk has {readable_size(free)} free. An existing file is "
                "unchanged. Free some space, or choose another folder."
            )
        temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(8)}")
        try:
            with temporary.open("xb") as file:
                _copy_permissions(path, temporary)
                yield file
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        if durable:
            _sync_folder(path.parent)
    except OSError as error:
        if isinstance(error, SaveError):
            raise
        raise SaveError(
            f"{str(path)!r} was not written: {error.strerror or error}. An existing "
            "file is unchanged."
        ) from error


def _copy_permissions(old: Path, new: Path) -> None:
    """Copy the permissions of the file to be replaced, if it exists."""
    with suppress(FileNotFoundError):
        new.chmod(stat.S_IMODE(old.stat().st_mode))


def _sync_folder(folder: Path) -> None:
    """Flush a rename to disk, on systems where folders can be opened."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
