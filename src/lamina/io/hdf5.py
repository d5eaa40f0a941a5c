"""HDF5 reader for untrusted model files.

A file holds groups of groups and arrays, with attributes; Keras writes it through h5py.
This reader supports the layout that h5py writes by default. It has no code for the
parts of HDF5 that refer to other files or expand beyond the file: external storage,
links, virtual datasets, filters, references, values of variable length other than text.
It refuses everything it does not know. The bytes it reads are bounded by the size of
the file, so that overlapping references cannot take unlimited time.

Reference: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np

from lamina.errors import FileFormatError
from lamina.io.byte_range import ByteRange, DamagedError, require, sha256
from lamina.io.hdf5_attributes import AttributeReader
from lamina.io.hdf5_links import read_links
from lamina.io.hdf5_source import Source
from lamina.io.hdf5_types import BFLOAT16, Cursor, read_shape, read_type

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = 2**64 - 1
_MAX_DEPTH = 100

# Types of header messages.
SHAPE, LINKS, TYPE, FILL, LINK, LAYOUT = 0x01, 0x02, 0x03, 0x05, 0x06, 0x08
GROUP, ATTRIBUTE, CONTINUATION, SYMBOLS, ATTRIBUTES = 0x0A, 0x0C, 0x10, 0x11, 0x15
_REFUSED = {
    0x07: "it has an array whose values are in another file (external storage)",
    0x0B: "it has a compressed array; write it without compression",
}
_NEWER = (
    "it is written in a newer layout of HDF5, which is not supported. Write it with "
    "h5py's default, without `libver`"
)
_LAYOUTS = {
    2: "in chunks; write it without chunks",
    3: "in other datasets (a virtual dataset)",
}


class Dataset(NamedTuple):
    """Array in a file, whose bytes are known to be inside the file."""

    region: ByteRange
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype
    attributes: dict[str, Any]

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.size * self.dtype.itemsize

    def read(self) -> np.ndarray:
        """Read the values."""
        if self.dtype == bool:
            return self.region.read_array(self.offset, self.shape, np.dtype("u1")) != 0
        return self.region.read_array(self.offset, self.shape, self.dtype)


class Group(NamedTuple):
    """Group of named arrays and groups in a file."""

    members: dict[str, Group | Dataset]
    attributes: dict[str, Any]

    def find(self, path: str) -> Group | Dataset | None:
        """Return the member at a path such as `"layers/dense"`, or `None`."""
        found: Group | Dataset | None = self
        for name in path.split("/"):
            found = found.members.get(name) if isinstance(found, Group) else None
        return found

    def group(self, path: str) -> Group | None:
        """Return the group at a path, or `None`."""
        found = self.find(path)
        return found if isinstance(found, Group) else None

    def datasets(self, path: str = "") -> Iterator[tuple[str, Dataset]]:
        """Yield the path and the array of each array below this group."""
        for name, member in self.members.items():
            if isinstance(member, Group):
                yield from member.datasets(f"{path}{name}/")
            else:
                yield path + name, member


def read_hdf5(region: ByteRange) -> Group:
    """Read the groups and arrays of a file; values are read on demand.

    Raises:
        FileFormatError: the file is damaged, or uses a feature of HDF5 that model files
            do not need.
    """
    try:
        root = _Reader(region).read_root()
        expected = root.attributes.get("sha256")
        is_same = expected is None or str(expected) == _sha256(root)
        require(is_same, "its checksum is not the one recorded when it was written")
        return root
    except DamagedError as error:
        raise FileFormatError(f"{region.what} cannot be read: {error}.") from None


def _sha256(root: Group) -> str:
    """Compute the checksum of all arrays, ordered by their offsets."""
    arrays = [d for _, d in root.datasets() if d.size]
    arrays.sort(key=lambda d: d.offset)
    return sha256(d.region.part(d.offset, d.nbytes) for d in arrays)


class _Reader:
    """Parser of the objects of one file."""

    def __init__(self, region: ByteRange) -> None:
        self.region, self.source = region, Source(region)
        self.attributes = AttributeReader(self.source)
        self.stored = 0
        self.seen: set[int] = set()

    def read_root(self) -> Group:
        signature, version, sizes = self.source.unpack_at(0, "<8sB4x2sx")
        require(signature == SIGNATURE, "it is not an HDF5 file")
        require(version <= 1, _NEWER)
        base, end, driver, address = self.source.unpack_at(
            24 + 4 * version, "<Q8x2Q8xQ8x"
        )
        is_plain = sizes == b"\x08\x08" and not base and driver == UNDEFINED
        require(is_plain, "its superblock is not that of a model file")
        size = self.region.size
        require(end <= size, f"it is cut short: it has {size:,} of {end:,} bytes")
        root = self.read_object(address, 0)
        if not isinstance(root, Group):
            raise DamagedError("its root is an array, not a group")
        return root

    def read_object(self, address: int, depth: int) -> Group | Dataset:
        is_new = address not in self.seen
        require(is_new, "an object in it has two parents or contains itself")
        is_flat = depth <= _MAX_DEPTH
        require(is_flat, f"its groups are nested more than {_MAX_DEPTH} levels deep")
        self.seen.add(address)
        found: defaultdict[int, list[bytes]] = defaultdict(list)
        for kind, data in self.read_messages(address):
            require(kind not in _REFUSED, _REFUSED.get(kind, ""))
            found[kind].append(data)
        for kind, index_size in ((ATTRIBUTES, 2), (LINKS, 8)):
            for data in found[kind]:
                _require_compact(Cursor(data), index_size)
        attributes = dict(self.attributes.read(data) for data in found[ATTRIBUTE])
        if found[LAYOUT]:
            return self.read_dataset(found, attributes)
        members: dict[str, Group | Dataset] = {}
        for name, child in read_links(self.source, found[LINK], found[SYMBOLS]):
            require(name not in members, f"two objects in it are named {name!r}")
            members[name] = self.read_object(child, depth + 1)
        return Group(members, attributes)

    def read_messages(self, address: int) -> Iterator[tuple[int, bytes]]:
        version, count, first_size = self.source.unpack_at(address, "<BxH4xI4x")
        require(version == 1, "an object's header is of an unknown version")
        blocks: list[tuple[int, ...]] = [(address + 16, first_size)]
        for start, size in blocks:
            cursor = self.source.cursor_at(start, size)
            while cursor.remaining >= 8 and count:
                count -= 1
                kind, length, flags = cursor.unpack("<2HB3x")
                data = cursor.read(length)
                require(not flags & 2, "an object in it uses shared messages")
                if kind == CONTINUATION:
                    blocks.append(Cursor(data).unpack("<2Q"))
                else:
                    yield kind, data

    def read_dataset(
        self, found: defaultdict[int, list[bytes]], attributes: dict[str, Any]
    ) -> Dataset:
        has_one_each = all(len(found[kind]) == 1 for kind in (SHAPE, TYPE, LAYOUT))
        require(has_one_each, "an array in it must have one shape, type and layout")
        shape = read_shape(Cursor(found[SHAPE][0]))
        dtype = read_type(Cursor(found[TYPE][0]))
        if dtype == "V2" and attributes.get("dtype") == "bfloat16":
            dtype = BFLOAT16
        is_number = dtype.kind not in "OSV" or dtype == BFLOAT16
        require(is_number, "it holds text or unknown values, but only numbers are read")
        size = math.prod(shape) * dtype.itemsize
        region, offset, stored = self.locate_array(Cursor(found[LAYOUT][0]))
        self.stored += size
        require(
            size in (0, stored) and self.stored <= self.region.size,
            f"an array in it declares the shape {shape}, {size:,} bytes, but "
            f"{stored:,} are stored",
        )
        is_inside = not size or 0 <= offset <= region.size - size
        require(is_inside, "an array in it is outside the file")
        return Dataset(region, offset if size else 0, shape, dtype, attributes)

    def locate_array(self, cursor: Cursor) -> tuple[ByteRange, int, int]:
        """Return the range, offset and size of an array's bytes."""
        version, kind = cursor.unpack("<2B")
        how = _LAYOUTS.get(kind, "in an unknown layout")
        is_known = version in (3, 4) and kind in (0, 1)
        require(is_known, f"it has an array stored {how}")
        if kind == 0:
            data = cursor.read(cursor.read_int(2))
            return ByteRange(BytesIO(data), self.region.what), 0, len(data)
        offset, size = cursor.unpack("<2Q")
        return self.region, offset, 0 if offset == UNDEFINED else size


def _require_compact(cursor: Cursor, index_size: int) -> None:
    """Refuse members or attributes stored in a fractal heap, a newer layout."""
    cursor.read(1)
    if cursor.read_int(1) & 1:
        cursor.read(index_size)
    require(cursor.read_int(8) == UNDEFINED, _NEWER)
