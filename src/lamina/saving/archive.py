"""Detection of a model file's format, and the reader of untrusted `.keras` files."""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from io import BufferedReader, BytesIO
from typing import Any, TypeAlias

from lamina import config
from lamina.core.untrusted import BoundedReader, readable_size
from lamina.errors import FileFormatError
from lamina.io.bounded_json import MAX_BYTES, read_json
from lamina.io.byte_range import ByteRange, sha256
from lamina.io.hdf5 import SIGNATURE as HDF5_SIGNATURE
from lamina.io.hdf5 import Group, read_hdf5
from lamina.io.safetensors import Tensors, is_safetensors, read_safetensors

_SIGNATURE = b"PK\3\4"
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
ASSETS = "assets/"
MAX_MEMBERS = 10_000
# Keras writes members uncompressed; a repacked archive may compress them.
_MAX_RATIO = 100
_RATIO_COUNTS_FROM = 2**20


class Archive:
    """Bounded reader of the members of a `.keras` file.

    A stored member is read from the file, a compressed one from memory.

    Args:
        file: the file, open for reading.

    Raises:
        FileFormatError: the file is not a zip archive, or has members that model files
            do not have.
    """

    def __init__(self, file: BufferedReader) -> None:
        self.file, self.what = file, repr(file.name)
        self.size = ByteRange(file, self.what).size
        try:
            with zipfile.ZipFile(BoundedReader(file)) as archive:
                infos = archive.infolist()
        except FileFormatError as error:
            raise FileFormatError(f"{self.what} cannot be read. {error}") from None
        except Exception as error:  # Damaged bytes can make zipfile raise any.
            raise FileFormatError(
                f"{self.what} is damaged or incomplete: it cannot be read as a zip "
                f"archive ({error}). Copy or download it again."
            ) from None
        self.members = {info.orig_filename: info for info in infos}
        self._check_members(infos)
        self.hashes: dict[str, Any] = {}
        self.metadata = self.json(METADATA) if METADATA in self.members else {}
        self.hashes = self.metadata.get("sha256", {})
        if not isinstance(self.hashes, dict):
            raise self._damaged(METADATA, "its checksums must be a dictionary")

    def json(self, name: str) -> dict[str, Any]:
        """Read a member as a JSON dictionary."""
        region = self.region(name, MAX_BYTES)
        return read_json(region.read(0, region.size), f"{name} in {self.what}")

    def weights(self) -> Group:
        """Read the root group of the weights; values are read on demand."""
        return read_hdf5(self.region(WEIGHTS))

    def region(self, name: str, max_size: int | None = None) -> ByteRange:
        """Return the byte range of a member after verifying its checksum.

        Args:
            name: name of the member.
            max_size: largest allowed number of bytes.

        Raises:
            FileFormatError: there is no such member, it is too large or damaged.
        """
        info = self.members.get(name)
        if info is None:
            raise FileFormatError(f"{self.what} is not a model file: it has no {name}.")
        if max_size is not None and info.file_size > max_size:
            raise self._damaged(name, f"it is larger than {readable_size(max_size)}")
        region = ByteRange(self.file, self.what, self._start(info), info.compress_size)
        if info.compress_type == zipfile.ZIP_DEFLATED:
            region = self._decompress(region, info)
        region.what = f"{name} in {self.what}"
        self._verify(region, info)
        return region

    def _check_members(self, infos: list[zipfile.ZipInfo]) -> None:
        if len(infos) > MAX_MEMBERS:
            text = f"{len(infos):,} members; at most {MAX_MEMBERS:,} are read"
            raise FileFormatError(f"{self.what} has {text}.")
        if len(self.members) < len(infos):
            raise FileFormatError(f"{self.what} has two members of the same name.")
        if sum(info.compress_size for info in infos) > self.size:
            raise FileFormatError(f"{self.what} is damaged: its members overlap.")
        packed = [i for i in infos if i.compress_type != zipfile.ZIP_STORED]
        unpacked, limit = sum(i.file_size for i in packed), config.memory_limit()
        if unpacked > limit:
            raise FileFormatError(
                f"{self.what} would unpack to {readable_size(unpacked)}, but the limit "
                f"is {readable_size(limit)}, by default the memory of this machine. "
                "Write it without compression, or call "
                "`lamina.config.set_memory_limit(bytes)`."
            )
        for info in infos:
            problem = _find_problem(info)
            if problem:
                raise self._damaged(info.orig_filename, problem)

    def _start(self, info: zipfile.ZipInfo) -> int:
        """Check a member's local header and return the offset of its bytes."""
        whole = ByteRange(self.file, self.what)
        header = whole.read(info.header_offset, 30)
        length, extra = struct.unpack("<2H", header[26:])
        name = whole.read(info.header_offset + 30, length)
        encoding = "utf-8" if info.flag_bits & 0x800 else "cp437"
        expected = info.orig_filename.encode(encoding, "replace")
        if not header.startswith(_SIGNATURE) or name != expected:
            raise self._damaged(info.orig_filename, "its two headers disagree")
        return info.header_offset + 30 + length + extra

    def _decompress(self, region: ByteRange, info: zipfile.ZipInfo) -> ByteRange:
        compressed = region.read(0, region.size)
        try:
            data = zlib.decompressobj(-15).decompress(compressed, info.file_size + 1)
        except zlib.error as error:
            raise self._damaged(info.orig_filename, str(error)) from None
        if len(data) != info.file_size:
            raise self._damaged(info.orig_filename, "its size is not the declared one")
        return ByteRange(BytesIO(data), self.what)

    def _verify(self, region: ByteRange, info: zipfile.ZipInfo) -> None:
        expected = self.hashes.get(info.orig_filename)
        if expected is None:
            crc = 0
            for chunk in region.chunks():
                crc = zlib.crc32(chunk, crc)
            is_valid = crc == info.CRC
        else:
            is_valid = sha256([region]) == expected
        if not is_valid:
            raise self._damaged(
                info.orig_filename,
                "its checksum is not the one recorded when it was written, so the file "
                "was changed or damaged",
            )

    def _damaged(self, name: str, problem: str) -> FileFormatError:
        return FileFormatError(
            f"{self.what} cannot be read because of its member {name!r}: {problem}."
        )


Contents: TypeAlias = Archive | Group | Tensors


def read_contents(file: BufferedReader) -> Contents:
    """Read a model file of any format, which is detected from its first bytes.

    Raises:
        FileFormatError: the file is damaged or has another format.
    """
    start, region = file.peek(9)[:9], ByteRange(file, repr(file.name))
    if region.size == 0:
        raise FileFormatError(
            f"{region.what} is not a model file: it is empty. Write or download it "
            "again."
        )
    if start.startswith(_SIGNATURE):
        return Archive(file)
    if start.startswith(HDF5_SIGNATURE):
        return read_hdf5(region)
    if is_safetensors(start):
        return read_safetensors(region)
    raise FileFormatError(
        f"{region.what} is not a model file: it must be a `.keras`, `.weights.h5`, "
        "`.h5` or `.safetensors` file."
        + (" For JSON, use models.model_from_json(text)." if start[:1] == b"{" else "")
    )


def leads_out(name: str) -> bool:
    """Return whether a name may refer to a path outside its folder."""
    parts = name.removesuffix("/").split("/")
    return bool(re.search(r"[\\:\0]", name) or {"", ".", ".."} & set(parts))


def _find_problem(info: zipfile.ZipInfo) -> str:
    """Describe what is wrong with a member, or return an empty string."""
    name, mode = info.orig_filename, info.external_attr >> 16
    is_member = name in (CONFIG, METADATA, WEIGHTS) or name.startswith(ASSETS)
    is_plain = stat.S_IFMT(mode) in (0, stat.S_IFREG) or name.endswith("/")
    is_stored = info.compress_type == zipfile.ZIP_STORED
    packed, unpacked = info.compress_size, info.file_size
    sizes = f"{readable_size(packed)} unpack to {readable_size(unpacked)}"
    problems = {
        "its name leads out of the archive": leads_out(name),
        "it is not a member of model files": not is_member,
        "it is a link or a device": not is_plain,
        "it is encrypted": info.flag_bits & 1,
        "its compression method is not supported": (
            not is_stored and info.compress_type != zipfile.ZIP_DEFLATED
        ),
        "its size is not the declared one": is_stored and unpacked != packed,
        f"it declares that {sizes}. Write it without compression": (
            unpacked > max(_MAX_RATIO * packed, _RATIO_COUNTS_FROM)
        ),
    }
    return next((text for text, is_true in problems.items() if is_true), "")
