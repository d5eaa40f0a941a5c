"""Opening files, and replacing them whole or not at all."""

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
from typing import Any

from lamina.core.budget import readable_size
from lamina.errors import (
    ArgumentError,
    FileFormatError,
    MissingFileError,
    SaveError,
)

__all__ = ["HDF5", "is_legacy_hdf5", "note_legacy", "open_file", "replacing", "target"]

# Endings of files in the layout of Keras 2.
HDF5 = (".h5", ".hdf5")

# What is left to others on a disk.
_SPARE = 2**20


def _path(filepath: Any) -> Path:
    try:
        return Path(filepath)
    except TypeError:
        raise ArgumentError(
            "A file is given by its path, a string or a `pathlib.Path`. Received: "
            f"{filepath!r}."
        ) from None


@contextmanager
def open_file(filepath: Any) -> Iterator[BufferedReader]:
    """A file of this machine, open for reading.

    Raises:
        MissingFileError: there is no such file.
        ArgumentError: it is a folder.
        FileFormatError: it can't be read.
    """
    path = _path(filepath)
    if not path.is_file():
        if path.is_dir():
            raise ArgumentError(f"{str(path)!r} is a folder, not a file.")
        raise MissingFileError(f"No such file: {str(path)!r}.")
    try:
        file = path.open("rb")
    except OSError as error:
        raise FileFormatError(
            f"{str(path)!r} can't be opened: {error.strerror}."
        ) from error
    with file:
        yield file


def target(filepath: Any, endings: Sequence[str], overwrite: bool) -> Path:
    """The path of a file that may be written.

    Raises:
        ArgumentError: it has another ending, or exists without `overwrite`.
    """
    path = _path(filepath)
    if not path.name.endswith(tuple(endings)):
        raise ArgumentError(
            f"The file's name must end in {' or '.join(map(repr, endings))}. "
            f"Received: {str(path)!r}."
        )
    if path.exists() and not overwrite:
        raise ArgumentError(
            f"{str(path)!r} exists already. Pass overwrite=True to replace it."
        )
    return path


def is_legacy_hdf5(filepath: Any) -> bool:
    """Return whether a path means a file in the layout of Keras 2."""
    name = str(filepath)
    return name.endswith(HDF5) and not name.endswith(".weights.h5")


def note_legacy(filepath: Any, better: str) -> None:
    """Log, as Keras does, that a file in the layout of Keras 2 holds less.

    Args:
        filepath: any path; nothing is logged if it means another kind of file.
        better: the ending to recommend.
    """
    if is_legacy_hdf5(filepath):
        logging.getLogger("lamina").warning(
            "%s is written in the legacy HDF5 format of Keras 2. Prefer a name that "
            "ends in %s, which holds the whole state and a checksum of each part.",
            filepath, better,
        )  # fmt: skip


@contextmanager
def replacing(path: Path, size: int) -> Iterator[BufferedWriter]:
    """A file to write, which takes the place of `path` when the block ends.

    It is written in the same folder and reaches the disk before it is moved, so that
    whatever happens, even a loss of power, `path` is the old file or the new one.

    Args:
        path: what to replace, or make.
        size: how many bytes will be written.

    Raises:
        SaveError: the folder or the disk can't take the file; the old one is there.
    """
    # The file that a link leads to is meant, not the link.
    path = Path(os.path.realpath(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(path.parent).free
        if free < size + _SPARE:
            raise SaveError(
                f"{str(path)!r} was not written: it takes {readable_size(size)}, and "
                f"the disk has {readable_size(free)} left. What was there before is "
                "still there. Free some space, or choose another folder."
            )
        temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(8)}")
        try:
            with temporary.open("xb") as file:
                _keep_rights(path, temporary)
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync(path.parent)
    except OSError as error:
        if isinstance(error, SaveError):
            raise
        raise SaveError(
            f"{str(path)!r} was not written: {error.strerror or error}. What was there "
            "before is still there."
        ) from error


def _keep_rights(old: Path, new: Path) -> None:
    """Let a file have the rights of the one whose place it takes, if there is one."""
    with suppress(FileNotFoundError):
        new.chmod(stat.S_IMODE(old.stat().st_mode))


def _sync(folder: Path) -> None:
    """Let a file's new name reach the disk, where folders can be opened for that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
