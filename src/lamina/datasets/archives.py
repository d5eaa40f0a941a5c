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
from lamina.core.untrusted import BoundedReader, readable_size
from lamina.errors import FileFormatError, invalid
from lamina.io.byte_range import DamagedError, require

_CHUNK = 2**20
_FORMATS = ("tar", "zip")
_OPENERS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}
# Highly repetitive text compresses to about a fiftieth of its size.
_MAX_RATIO = 100
_RATIO_COUNTS_FROM = 2**26
_MAX_MEMBERS = 1_000_000
# Before Python 3.13, a tree of a thousand levels cannot be deleted.
_MAX_LEVELS = 100
# Disk space that a member takes in addition to its bytes.
_MEMBER_OVERHEAD = 512
# Python's bzip2 and LZMA members of a zip are unpacked without a bound on memory.
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def unpack(archive: Path, folder: Path, formats: str | list[str] | None) -> None:
    """Unpack an archive into a temporary folder and rename it when complete."""
    if folder.exists() and folder.stat().st_mtime >= archive.stat().st_mtime:
        return
    allowed = _allowed_formats(formats)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        with archive_errors(f"{archive} was not unpacked"):
            _unpack(archive, partial, allowed)
        if folder.exists():
            shutil.rmtree(folder)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _allowed_formats(formats: str | list[str] | None) -> list[str]:
    names = [*_FORMATS] if formats == "auto" else formats or []
    allowed = [names] if isinstance(names, str) else names
    if not isinstance(allowed, (list, tuple)) or set(allowed) - set(_FORMATS):
        expected = "'auto', 'tar', 'zip' or a list of these"
        raise invalid("get_file", "archive_format", formats, expected)
    return allowed


@contextmanager
def archive_errors(problem: str) -> Iterator[None]:
    """Convert errors in this block into errors that start with `problem`."""
    try:
        yield
    except Exception as error:  # Damaged bytes can make Python's readers raise any.
        text = str(error).removesuffix(".")
        if not isinstance(error, (DamagedError, FileFormatError)):
            text = f"it is damaged, or cannot be written or read here ({text})"
        raise FileFormatError(f"{problem}: {text}.") from error


def _unpack(archive: Path, folder: Path, allowed: list[str]) -> None:
    with archive.open("rb") as file:
        if "zip" in allowed and zipfile.is_zipfile(BoundedReader(file)):
            _unpack_zip(file, _Target(folder, archive))
            return
    with _uncompressed(archive) as file:
        if "tar" in allowed and _is_tar(file):
            _unpack_tar(file, _Target(folder, archive))
            return
    names = " or ".join(allowed) or "none"
    raise DamagedError(f"it is not an archive of an allowed format ({names})")


def open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    """Open a member of a zip without decompressing more than the caller reads.

    Raises:
        DamagedError: its compression method is not supported.
    """
    require(
        info.compress_type in _ZIP_METHODS,
        f"its member {info.filename!r} is compressed with method {info.compress_type}, "
        "but only stored and deflated members are supported. Create the archive again "
        "with one of these methods",
    )
    return archive.open(info)


def read_member(source: IO[bytes], name: str, size: int) -> bytearray:
    """Read a member of an archive whose size is within the memory limit.

    Memory use depends on the bytes read, not on the declared size.

    Args:
        source: the member, open for reading.
        name: its name.
        size: its declared size.

    Raises:
        DamagedError: its size is above `config.memory_limit()`, or is not the
            declared one.
    """
    limit = config.memory_limit()
    require(
        size <= limit,
        f"its member {name!r} needs {readable_size(size)}, but the limit is "
        f"{readable_size(limit)}, by default the memory of this machine. To raise it, "
        "call `lamina.config.set_memory_limit(bytes)`",
    )
    data = bytearray()
    while len(data) <= size and (chunk := source.read(_CHUNK)):
        data += chunk
    held = "more" if len(data) > size else f"{len(data):,}"
    text = f"its member {name!r} declares {size:,} bytes, but holds {held}"
    require(len(data) == size, text)
    return data


def read_tar(path: Path, names: Collection[str]) -> dict[str, bytearray]:
    """Read members of a compressed or uncompressed tar in one pass.

    Raises:
        DamagedError: the archive is damaged, or a member is missing or not a file.
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
                    raise DamagedError(f"its member {member.name!r} is not a file")
                found[member.name] = read_member(source, member.name, member.size)
            if len(found) == len(names):
                return found
    missing = ", ".join(repr(name) for name in names if name not in found)
    raise DamagedError(f"it has no member {missing}")


def _uncompressed(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        start = file.read(6)
    for signature, opener in _OPENERS.items():
        if start.startswith(signature):
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
                raise _special_file_error(member.name)


def _tar_members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in archive:
        # Python caches every header, which would take unlimited memory.
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
                raise _special_file_error(member.filename)


def _special_file_error(name: str) -> DamagedError:
    needed = "only plain files and folders are unpacked"
    return DamagedError(f"its member {name!r} is a link or a device, but {needed}")


class _Target:
    """Target folder of an archive, with limits on size and number of members.

    Args:
        folder: the folder.
        archive: the archive, whose size limits the unpacked size.
    """

    def __init__(self, folder: Path, archive: Path) -> None:
        self.folder = folder
        free = shutil.disk_usage(folder).free
        max_size = max(_MAX_RATIO * archive.stat().st_size, _RATIO_COUNTS_FROM)
        self.max_size, self.remaining = max_size, min(max_size, free)
        self.members = 0

    def make_folder(self, name: str) -> None:
        """Create a folder of the archive."""
        self._reserve(0)
        self._safe_path(name).mkdir(parents=True, exist_ok=True)

    def write(self, name: str, size: int, source: IO[bytes]) -> None:
        """Write a file of the archive."""
        self._reserve(size)
        path = self._safe_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("xb") as out:
                shutil.copyfileobj(source, out)
        except FileExistsError:
            raise DamagedError(f"it has two members named {name!r}") from None

    def _reserve(self, size: int) -> None:
        self.remaining -= size + _MEMBER_OVERHEAD
        self.members += 1
        require(
            size >= 0 and self.remaining >= 0 and self.members <= _MAX_MEMBERS,
            f"it holds more than {_MAX_MEMBERS:,} members, more than {_MAX_RATIO} "
            f"times its size ({readable_size(self.max_size)}), or more than the free "
            "disk space",
        )

    def _safe_path(self, name: str) -> Path:
        """Return the path of a member, checked by the rules of POSIX and Windows."""
        parts = name.replace("\\", "/").split("/")
        is_unsafe = parts[0] == "" or ".." in parts or ":" in parts[0] or "\0" in name
        text = f"the name {name!r} of one of its members leads out of"
        require(bool(name) and not is_unsafe, f"{text} the folder it is unpacked to")
        levels = f"{len(parts):,} folders deep; at most {_MAX_LEVELS} are allowed"
        require(len(parts) <= _MAX_LEVELS, f"one of its members is {levels}")
        return self.folder.joinpath(*parts)
