"""Unpacking untrusted archives: plain files and folders only."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from lamina import config
from lamina.core.budget import BoundedReader, readable_size
from lamina.errors import FileFormatError, invalid

__all__ = ["BROKEN", "open_member", "read_member", "read_tar", "unpack"]

_CHUNK = 2**20
_FORMATS = ("tar", "zip")
_OPENERS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}
# Text that repeats itself much is packed to a fiftieth.
_MAX_RATIO = 100
_RATIO_COUNTS_FROM = 2**26
_MAX_MEMBERS = 1_000_000
# Before Python 3.13, a tree of a thousand levels cannot be deleted.
_MAX_LEVELS = 100
# What a member takes on a disk beside its bytes.
_ENTRY = 512
# Python's bzip2 and LZMA members of a zip are unpacked without a bound on memory.
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    KeyError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


def unpack(archive: Path, folder: Path, formats: str | list[str] | None) -> None:
    """Unpack into a fresh folder that takes its name only when it is complete."""
    if folder.exists() and folder.stat().st_mtime >= archive.stat().st_mtime:
        return
    allowed = _allowed(formats)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        with _said_of(archive):
            _unpack(archive, partial, allowed)
        if folder.exists():
            shutil.rmtree(folder)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _allowed(formats: Any) -> tuple[str, ...]:
    names = _FORMATS if formats == "auto" else formats or ()
    allowed = [names] if isinstance(names, str) else names
    if not isinstance(allowed, (list, tuple)) or set(allowed) - set(_FORMATS):
        expected = "'auto', 'tar', 'zip' or a list of these"
        raise invalid("get_file", "archive_format", formats, expected)
    return tuple(allowed)


@contextmanager
def _said_of(archive: Path) -> Iterator[None]:
    """Make whatever goes wrong in this block an error about the archive."""
    try:
        yield
    except FileFormatError as error:
        raise FileFormatError(f"{archive} was not unpacked: {error}") from None
    except BROKEN as error:
        raise FileFormatError(
            f"{archive} was not unpacked: it is damaged, or can't be written here "
            f"({error})."
        ) from error


def _unpack(archive: Path, folder: Path, allowed: tuple[str, ...]) -> None:
    with archive.open("rb") as file:
        if "zip" in allowed and zipfile.is_zipfile(BoundedReader(file)):
            _unpack_zip(file, _Target(folder, archive))
            return
    with _uncompressed(archive) as file:
        if "tar" in allowed and _is_tar(file):
            _unpack_tar(file, _Target(folder, archive))
            return
    raise FileFormatError(
        "it is no archive of a format that is allowed here "
        f"({' or '.join(allowed) or 'none'})."
    )


def open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    """Open a member of a zip, whose reads are bounded by what the caller asks for.

    Raises:
        FileFormatError: its compression method is not one that NumPy and Keras use.
    """
    if info.compress_type not in _ZIP_METHODS:
        raise FileFormatError(
            f"its member {info.filename!r} is compressed with method "
            f"{info.compress_type}, and only stored and deflated members are read. "
            "Compress it again with the usual settings."
        )
    return archive.open(info)


def read_member(source: IO[bytes], name: str, size: int) -> bytearray:
    """Read a member of an archive, of any size that memory has room for.

    Memory grows with the bytes that are read, not with the declared size.

    Args:
        source: the member, open for reading.
        name: its name.
        size: its declared size.

    Raises:
        FileFormatError: its size is above `config.memory_limit()` or not as declared.
    """
    if size > config.memory_limit():
        raise FileFormatError(
            f"its member {name!r} would take {readable_size(size)}, and the limit is "
            f"{readable_size(config.memory_limit())}, the memory of this machine. If "
            "there is room, call `lamina.config.set_memory_limit(bytes)`."
        )
    data = bytearray()
    while len(data) <= size and (chunk := source.read(_CHUNK)):
        data += chunk
    if len(data) != size:
        raise FileFormatError(
            f"its member {name!r} has declared {size:,} bytes, but holds "
            f"{'more' if len(data) > size else f'{len(data):,}'}."
        )
    return data


def read_tar(path: Path, names: Collection[str]) -> dict[str, bytearray]:
    """Read members of a tar, of any compression, in one pass.

    Raises:
        FileFormatError: the archive is damaged, or a member is missing or not a file.
    """
    found: dict[str, bytearray] = {}
    with (
        _uncompressed(path) as file,
        tarfile.open(fileobj=BoundedReader(file), mode="r:") as archive,
    ):
        for member in _tar_members(archive):
            if member.name in names:
                source = archive.extractfile(member) if member.isreg() else None
                if source is None:
                    raise FileFormatError(f"its member {member.name!r} is not a file.")
                found[member.name] = read_member(source, member.name, member.size)
            if len(found) == len(names):
                return found
    missing = ", ".join(repr(name) for name in names if name not in found)
    raise FileFormatError(f"it has no member {missing}.")


def _uncompressed(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        start = file.read(6)
    for mark, opener in _OPENERS.items():
        if start.startswith(mark):
            return opener(path)
    return path.open("rb")


def _is_tar(file: IO[bytes]) -> bool:
    try:
        tarfile.TarInfo.frombuf(file.read(512), "utf-8", "surrogateescape")
    except (tarfile.HeaderError, EOFError, OSError, lzma.LZMAError, zlib.error):
        return False
    file.seek(0)
    return True


def _unpack_tar(file: IO[bytes], target: _Target) -> None:
    with tarfile.open(fileobj=BoundedReader(file), mode="r:") as archive:
        for member in _tar_members(archive):
            if member.isdir():
                target.make_folder(member.name)
            elif member.isreg() and (source := archive.extractfile(member)):
                target.write(member.name, member.size, source)
            else:
                raise FileFormatError(
                    f"its member {member.name!r} is a link or a device, and only plain "
                    "files and folders are safe."
                )


def _tar_members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in archive:
        # Python stores every header for look-ups by name: memory without a bound.
        archive.members = []  # type: ignore[attr-defined]
        yield member


def _unpack_zip(file: IO[bytes], target: _Target) -> None:
    with zipfile.ZipFile(BoundedReader(file, 2**24)) as archive:
        for member in archive.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if member.is_dir():
                target.make_folder(member.filename)
            elif kind in (0, stat.S_IFREG):
                with open_member(archive, member) as source:
                    target.write(member.filename, member.file_size, source)
            else:
                raise FileFormatError(
                    f"its member {member.filename!r} is a link or a device, and only "
                    "plain files and folders are safe."
                )


class _Target:
    """The folder that an archive is unpacked to, and how much may still come.

    Args:
        folder: the folder.
        archive: the archive, whose size says how much it may hold.
    """

    def __init__(self, folder: Path, archive: Path) -> None:
        self.folder = folder
        free = shutil.disk_usage(folder).free
        most = max(_MAX_RATIO * archive.stat().st_size, _RATIO_COUNTS_FROM)
        self.size, self.left = most, min(most, free)
        self.members = 0

    def make_folder(self, name: str) -> None:
        """Make a folder that is in the archive."""
        self._take(0)
        self._inside(name).mkdir(parents=True, exist_ok=True)

    def write(self, name: str, size: int, source: IO[bytes]) -> None:
        """Write a file that is in the archive, and no more than it is said to have."""
        self._take(size)
        path = self._inside(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("xb") as out:
                shutil.copyfileobj(source, out)
        except FileExistsError:
            raise FileFormatError(f"it has two members named {name!r}.") from None

    def _take(self, size: int) -> None:
        self.left -= size + _ENTRY
        self.members += 1
        if size < 0 or self.left < 0 or self.members > _MAX_MEMBERS:
            raise FileFormatError(
                f"it holds more than {_MAX_MEMBERS:,} members, more than "
                f"{_MAX_RATIO} times its size ({readable_size(self.size)}), or more "
                "than the disk has room for."
            )

    def _inside(self, name: str) -> Path:
        """Where a member goes. Names are judged by both systems' rules."""
        parts = name.replace("\\", "/").split("/")
        bad = parts[0] == "" or ".." in parts or ":" in parts[0] or "\0" in name
        if not name or bad:
            raise FileFormatError(
                f"the name {name!r} of one of its members leads out of the folder it "
                "is unpacked to."
            )
        if len(parts) > _MAX_LEVELS:
            raise FileFormatError(
                f"one of its members is {len(parts):,} folders deep; at most "
                f"{_MAX_LEVELS} are made."
            )
        return self.folder.joinpath(*parts)
