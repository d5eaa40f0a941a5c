"""A `.keras` file: a zip of known members, none of which is trusted."""

from __future__ import annotations

import hashlib
import re
import stat
import struct
import zipfile
import zlib
from io import BufferedReader, BytesIO
from typing import Any

from lamina import config
from lamina.core.budget import BoundedReader, readable_size
from lamina.errors import FileFormatError
from lamina.io.bounded_json import MAX_BYTES, read_json
from lamina.io.byte_range import ByteRange

__all__ = [
    "ASSETS",
    "CONFIG",
    "MAX_MEMBERS",
    "METADATA",
    "SIGNATURE",
    "WEIGHTS",
    "Archive",
    "leads_out",
]

SIGNATURE = b"PK\3\4"
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
ASSETS = "assets/"
MAX_MEMBERS = 10_000
# What Keras writes is not compressed at all; people who repack a file compress text.
_MAX_RATIO = 100
_RATIO_COUNTS_FROM = 2**20
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)


class Archive:
    """The members of a `.keras` file, read within bounds.

    A member is a stretch of the file, or, if it is compressed, of memory.

    Args:
        file: the file, open for reading.

    Raises:
        FileFormatError: it is no zip, or holds what a model file doesn't.
    """

    def __init__(self, file: BufferedReader) -> None:
        self.file, self.what = file, repr(file.name)
        self.size = ByteRange(file, self.what).size
        try:
            with zipfile.ZipFile(BoundedReader(file)) as archive:
                infos = archive.infolist()
        except FileFormatError as error:
            raise FileFormatError(f"{self.what} was not read. {error}") from None
        except _BROKEN as error:
            raise FileFormatError(
                f"{self.what} is no `.keras` file: it can't be read as a zip ({error})."
            ) from None
        self.members = {info.orig_filename: info for info in infos}
        self._check(infos)
        self.hashes: dict[str, Any] = {}
        self.metadata = self.json(METADATA) if METADATA in self.members else {}
        self.hashes = self.metadata.get("sha256", {})
        if not isinstance(self.hashes, dict):
            raise self._damaged(METADATA, "its checksums are no dictionary")

    def json(self, name: str) -> dict[str, Any]:
        """The dictionary that a member holds as JSON."""
        region = self.region(name, MAX_BYTES)
        return read_json(region.read(0, region.size), f"{name} in {self.what}")

    def region(self, name: str, most: int | None = None) -> ByteRange:
        """A member's bytes, found to be those that were written.

        Args:
            name: the member.
            most: how many bytes are too many.

        Raises:
            FileFormatError: there is no such member, or it is damaged.
        """
        info = self.members.get(name)
        if info is None:
            raise FileFormatError(f"{self.what} is no model file: {name} is not in it.")
        if most is not None and info.file_size > most:
            raise self._damaged(name, f"it has more than {readable_size(most)}")
        region = ByteRange(self.file, self.what, self._start(info), info.compress_size)
        if info.compress_type == zipfile.ZIP_DEFLATED:
            region = self._unpacked(region, info)
        region.what = f"{name} in {self.what}"
        self._verify(region, info)
        return region

    def _check(self, infos: list[zipfile.ZipInfo]) -> None:
        if len(infos) > MAX_MEMBERS:
            raise FileFormatError(
                f"{self.what} has {len(infos):,} members; at most {MAX_MEMBERS:,} are "
                "read."
            )
        if len(self.members) < len(infos):
            raise FileFormatError(f"{self.what} has two members of the same name.")
        if sum(info.compress_size for info in infos) > self.size:
            raise FileFormatError(f"{self.what} is damaged: its members overlap.")
        packed = [i for i in infos if i.compress_type != zipfile.ZIP_STORED]
        unpacked = sum(info.file_size for info in packed)
        if unpacked > config.memory_limit():
            raise FileFormatError(
                f"{self.what} would unpack to {readable_size(unpacked)}, and the limit "
                f"is {readable_size(config.memory_limit())}, the memory of this "
                "machine. Pack it without compression, or call "
                "`lamina.config.set_memory_limit(bytes)`."
            )
        for info in infos:
            problem = _problem(info)
            if problem:
                raise self._damaged(info.orig_filename, problem)

    def _start(self, info: zipfile.ZipInfo) -> int:
        """Where a member's bytes begin, behind a header that must agree."""
        whole = ByteRange(self.file, self.what)
        head = whole.read(info.header_offset, 30)
        length, extra = struct.unpack("<2H", head[26:])
        name = whole.read(info.header_offset + 30, length)
        encoding = "utf-8" if info.flag_bits & 0x800 else "cp437"
        expected = info.orig_filename.encode(encoding, "replace")
        if not head.startswith(SIGNATURE) or name != expected:
            raise self._damaged(info.orig_filename, "its two headers disagree")
        return info.header_offset + 30 + length + extra

    def _unpacked(self, region: ByteRange, info: zipfile.ZipInfo) -> ByteRange:
        packed = region.read(0, region.size)
        try:
            data = zlib.decompressobj(-15).decompress(packed, info.file_size + 1)
        except zlib.error as error:
            raise self._damaged(info.orig_filename, str(error)) from None
        if len(data) != info.file_size:
            raise self._damaged(info.orig_filename, "its size is not what it says")
        return ByteRange(BytesIO(data), self.what)

    def _verify(self, region: ByteRange, info: zipfile.ZipInfo) -> None:
        expected = self.hashes.get(info.orig_filename)
        if expected is None:
            crc = 0
            for chunk in region.chunks():
                crc = zlib.crc32(chunk, crc)
            same = crc == info.CRC
        else:
            digest = hashlib.sha256()
            for chunk in region.chunks():
                digest.update(chunk)
            same = digest.hexdigest() == expected
        if not same:
            raise self._damaged(
                info.orig_filename,
                "its checksum is not the one noted when it was written, so it was "
                "changed or the copy is bad",
            )

    def _damaged(self, name: str, problem: str) -> FileFormatError:
        return FileFormatError(
            f"{self.what} was not read because of its member {name!r}: {problem}."
        )


def leads_out(name: str) -> bool:
    """Whether a name could mean a place outside of the folder that it is in."""
    parts = name.removesuffix("/").split("/")
    return bool(re.search(r"[\\:\0]", name) or {"", ".", ".."} & set(parts))


def _problem(info: zipfile.ZipInfo) -> str:
    """What is wrong with a member, or an empty string."""
    name, mode = info.orig_filename, info.external_attr >> 16
    if leads_out(name):
        return "its name leads out of the file"
    if name not in (CONFIG, METADATA, WEIGHTS) and not name.startswith(ASSETS):
        return "model files have no such member"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG) and not name.endswith("/"):
        return "it is a link or a device"
    if info.flag_bits & 1:
        return "it is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "it is compressed in an uncommon way"
    if (
        info.compress_type == zipfile.ZIP_STORED
        and info.file_size != info.compress_size
    ):
        return "its size is not what it says"
    most = max(_MAX_RATIO * info.compress_size, _RATIO_COUNTS_FROM)
    if info.file_size > most:
        return (
            f"it says that {readable_size(info.compress_size)} unpack to "
            f"{readable_size(info.file_size)}. Pack it without compression"
        )
    return ""
