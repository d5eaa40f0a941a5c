"""HDF5 as model files use it, read without believing a byte of it.

A file is groups of groups and arrays, with attributes; Keras writes it through h5py.
This reader knows the layout that h5py writes by default, and has no code for the parts
of HDF5 that reach out of a file or grow beyond it: external storage, links, virtual
datasets, filters, references, values of variable length other than text. What it does
not know it refuses. It looks at no more bytes than a file has, so that no web of
references keeps it busy.

Reference: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np

from lamina.errors import FileFormatError
from lamina.io.byte_range import ByteRange
from lamina.io.hdf5_types import (
    BFLOAT16,
    TEXT,
    Cursor,
    Damaged,
    read_shape,
    read_type,
)

__all__ = ["SIGNATURE", "Dataset", "Group", "read_hdf5"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = 2**64 - 1
_MAX_DEPTH = 100

# Kinds of messages in an object's header.
SHAPE, LINKS, TYPE, LAYOUT, LINK, ATTRIBUTE = 0x01, 0x02, 0x03, 0x08, 0x06, 0x0C
CONTINUATION, SYMBOLS, ATTRIBUTES = 0x10, 0x11, 0x15
_REFUSED = {
    0x07: "has an array whose values are in another file (external storage)",
    0x0B: "has a compressed array; write it without compression",
}
_LAYOUTS = {2: "in chunks; write it without", 3: "in other places (a virtual dataset)"}


class Dataset(NamedTuple):
    """An array in a file, which has been found to be there in full."""

    region: ByteRange
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype
    attributes: dict[str, Any]

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def read(self) -> np.ndarray:
        """The values."""
        if self.dtype == bool:
            return self.region.array(self.offset, self.shape, np.dtype("u1")) != 0
        return self.region.array(self.offset, self.shape, self.dtype)


class Group(NamedTuple):
    """What stands in a file under names."""

    members: dict[str, Group | Dataset]
    attributes: dict[str, Any]

    def group(self, path: str) -> Group | None:
        """The group at a path such as `"layers/dense"`, if there is one."""
        found: Group | Dataset | None = self
        for name in path.split("/"):
            found = found.members.get(name) if isinstance(found, Group) else None
        return found if isinstance(found, Group) else None

    def datasets(self, path: str = "") -> Iterator[tuple[str, Dataset]]:
        """All arrays below this group, with their paths."""
        for name, member in self.members.items():
            if isinstance(member, Group):
                yield from member.datasets(f"{path}{name}/")
            else:
                yield path + name, member


def read_hdf5(region: ByteRange) -> Group:
    """The groups and arrays of a file; values are read when asked for.

    Raises:
        FileFormatError: the file is damaged, or uses a part of HDF5 that model files
            have no need of.
    """
    try:
        root = _Reader(region).root()
        if "sha256" in root.attributes and str(root.attributes["sha256"]) != _sha256(
            root
        ):
            raise Damaged("its checksum is not the one noted when it was written")
        return root
    except Damaged as error:
        raise FileFormatError(f"{region.what} can't be read: {error}.") from None


def _sha256(root: Group) -> str:
    """The checksum of all arrays, in the order of their places."""
    digest = hashlib.sha256()
    arrays = [d for _, d in root.datasets() if d.size]
    for d in sorted(arrays, key=lambda d: d.offset):
        size = d.size * d.dtype.itemsize
        part = ByteRange(d.region.file, d.region.what, d.region.start + d.offset, size)
        for chunk in part.chunks():
            digest.update(chunk)
    return digest.hexdigest()


class _Reader:
    def __init__(self, region: ByteRange) -> None:
        self.region = region
        self.left = 2 * region.size + 1024
        self.stored = 0
        self.seen: set[int] = set()
        self.heaps: dict[int, dict[int, bytes]] = {}

    def at(self, address: int, size: int) -> Cursor:
        self.count(size)
        return Cursor(self.region.read(address, size))

    def count(self, size: int) -> None:
        """Note that so many bytes are looked at: no more than there are, and again."""
        self.left -= size
        if self.left < 0:
            raise Damaged("its parts overlap")

    def root(self) -> Group:
        cursor = self.at(0, 16)
        if cursor.take(8) != SIGNATURE:
            raise Damaged("it is no HDF5 file")
        version = cursor.number(1)
        if version > 1:
            raise Damaged(
                "it is written in a newer layout of HDF5 than models need. Write it "
                "with h5py's default, without `libver`"
            )
        cursor.take(4)
        sizes = cursor.take(2)
        cursor = self.at(24 + 4 * version, 56)
        base, _, end, driver = (cursor.number(8) for _ in range(4))
        if sizes != b"\x08\x08" or base or driver != UNDEFINED:
            raise Damaged("its first bytes are not those of a model file")
        if end > self.region.size:
            raise Damaged(
                f"it is cut short: {self.region.size:,} of {end:,} bytes are there"
            )
        cursor.take(8)
        root = self.object(cursor.number(8), 0)
        if not isinstance(root, Group):
            raise Damaged("it begins with an array instead of a group")
        return root

    def object(self, address: int, depth: int) -> Group | Dataset:
        if address in self.seen:
            raise Damaged("one object in it has two places, or holds itself")
        if depth > _MAX_DEPTH:
            raise Damaged(f"its groups are more than {_MAX_DEPTH} deep")
        self.seen.add(address)
        found: dict[int, list[bytes]] = {}
        for kind, data in self.messages(address):
            if kind in _REFUSED:
                raise Damaged(f"it {_REFUSED[kind]}")
            found.setdefault(kind, []).append(data)
        for data in found.get(ATTRIBUTES, ()):
            _require_compact(Cursor(data), 2)
        attributes = dict(self.attribute(a) for a in found.get(ATTRIBUTE, ()))
        if LAYOUT in found:
            return self.dataset(found, attributes)
        members: dict[str, Group | Dataset] = {}
        for name, place in self.links(found):
            if name in members:
                raise Damaged(f"two objects in it are named {name!r}")
            members[name] = self.object(place, depth + 1)
        return Group(members, attributes)

    def messages(self, address: int) -> Iterator[tuple[int, bytes]]:
        cursor = self.at(address, 16)
        version, _, count = cursor.number(1), cursor.number(1), cursor.number(2)
        if version != 1:
            raise Damaged("an object's header is of an unknown version")
        cursor.take(4)
        blocks = [(address + 16, cursor.number(4))]
        for place, size in blocks:
            cursor = self.at(place, size)
            while cursor.left >= 8 and count:
                count -= 1
                kind, length = cursor.number(2), cursor.number(2)
                shared = cursor.number(4) & 2
                data = cursor.take(length)
                if shared:
                    raise Damaged("an object in it refers to another's parts")
                if kind == CONTINUATION:
                    more = Cursor(data)
                    blocks.append((more.number(8), more.number(8)))
                else:
                    yield kind, data

    def dataset(
        self, found: dict[int, list[bytes]], attributes: dict[str, Any]
    ) -> Dataset:
        if any(len(found.get(kind, ())) != 1 for kind in (SHAPE, TYPE, LAYOUT)):
            raise Damaged("an array in it has no or several descriptions")
        shape = read_shape(Cursor(found[SHAPE][0]))
        dtype = read_type(Cursor(found[TYPE][0]))
        if dtype == "V2" and attributes.get("dtype") == "bfloat16":
            dtype = BFLOAT16
        if dtype.kind in "OSV" and dtype != BFLOAT16:
            raise Damaged("it holds text or unknown values, where numbers are")
        size = math.prod(shape) * dtype.itemsize
        region, offset, stored = self.place(Cursor(found[LAYOUT][0]))
        self.stored += size
        if size != stored and size or self.stored > self.region.size:
            raise Damaged(
                f"an array in it claims to have shape {shape}, {size:,} bytes, but "
                f"{stored:,} are stored"
            )
        if size and not 0 <= offset <= region.size - size:
            raise Damaged("an array in it lies outside of the file")
        return Dataset(region, offset if size else 0, shape, dtype, attributes)

    def place(self, cursor: Cursor) -> tuple[ByteRange, int, int]:
        """Where an array's bytes are, and how many."""
        version, kind = cursor.number(1), cursor.number(1)
        if version not in (3, 4) or kind not in (0, 1):
            how = _LAYOUTS.get(kind, "in an unknown way")
            raise Damaged(f"it has an array stored {how}")
        if kind == 0:
            data = cursor.take(cursor.number(2))
            return ByteRange(BytesIO(data), self.region.what), 0, len(data)
        offset, size = cursor.number(8), cursor.number(8)
        return self.region, offset, 0 if offset == UNDEFINED else size

    # Groups

    def links(self, found: dict[int, list[bytes]]) -> Iterator[tuple[str, int]]:
        """Names and addresses of a group's members, in either form h5py writes."""
        for data in found.get(LINKS, ()):
            _require_compact(Cursor(data), 8)
        for data in found.get(LINK, ()):
            yield self.link(Cursor(data))
        for data in found.get(SYMBOLS, ()):
            cursor = Cursor(data)
            tree, heap = cursor.number(8), cursor.number(8)
            cursor = self.at(heap, 32)
            if cursor.take(8) != b"HEAP\0\0\0\0":
                raise Damaged("the names of a group are damaged")
            size, _, place = (cursor.number(8) for _ in range(3))
            names = self.at(place, size).data
            yield from self.tree(tree, names, None)

    def link(self, cursor: Cursor) -> tuple[str, int]:
        version, flags = cursor.number(1), cursor.number(1)
        if version != 1 or flags & 8 and cursor.number(1):
            raise Damaged("it has a link that leads to another place")
        cursor.take((8 if flags & 4 else 0) + (1 if flags & 16 else 0))
        name = cursor.take(cursor.number(1 << (flags & 3)))
        return _name(name), cursor.number(8)

    def tree(
        self, address: int, names: bytes, level: int | None
    ) -> Iterator[tuple[str, int]]:
        """The symbols below a node of a group's tree; levels only go down."""
        cursor = self.at(address, 24)
        head, own, used = cursor.take(5), cursor.number(1), cursor.number(2)
        if head != b"TREE\0" or (level is not None and own != level):
            raise Damaged("the tree of a group is damaged")
        cursor = self.at(address + 24, 16 * used)
        for _ in range(used):
            cursor.take(8)
            child = cursor.number(8)
            if own:
                yield from self.tree(child, names, own - 1)
            else:
                yield from self.symbols(child, names)

    def symbols(self, address: int, names: bytes) -> Iterator[tuple[str, int]]:
        cursor = self.at(address, 8)
        if cursor.take(5) != b"SNOD\1":
            raise Damaged("the tree of a group is damaged")
        cursor.take(1)
        count = cursor.number(2)
        cursor = self.at(address + 8, 40 * count)
        for _ in range(count):
            name, place, kind = cursor.number(8), cursor.number(8), cursor.number(4)
            cursor.take(20)
            if kind > 1:
                raise Damaged("it has a link that leads to another place")
            yield _name(names[name : names.find(b"\0", name)]), place

    # Attributes

    def attribute(self, data: bytes) -> tuple[str, Any]:
        cursor = Cursor(data)
        version, flags = cursor.number(1), cursor.number(1)
        sizes = [cursor.number(2) for _ in range(3)]
        if version not in (1, 2, 3) or flags and version > 1:
            raise Damaged("an attribute in it is of an unknown version")
        cursor.take(1 if version == 3 else 0)
        part = cursor.padded if version == 1 else cursor.take
        name, dtype, shape = (part(size) for size in sizes)
        values = self.values(cursor, read_type(Cursor(dtype)), Cursor(shape))
        return _text(name.rstrip(b"\0")), values

    def values(self, cursor: Cursor, dtype: np.dtype, shape: Cursor) -> Any:
        """An attribute's number or text, or an array of them."""
        sizes = read_shape(shape)
        count = math.prod(sizes)
        if dtype == TEXT:
            if count > cursor.left // 16:
                raise Damaged("an attribute in it is longer than its place")
            texts = [self.heap_text(cursor) for _ in range(count)]
            return np.array(texts, object).reshape(sizes) if sizes else texts[0]
        array = np.frombuffer(cursor.take(count * dtype.itemsize), dtype)
        if dtype.kind == "S":
            texts = [_text(item) for item in array.tolist()]
            return np.array(texts, object).reshape(sizes) if sizes else texts[0]
        return array.reshape(sizes) if sizes else array[0]

    def heap_text(self, cursor: Cursor) -> str:
        size, place, number = cursor.number(4), cursor.number(8), cursor.number(4)
        if not size:
            return ""
        if place not in self.heaps:
            self.heaps[place] = dict(self.heap(place))
        self.count(size)
        return _text(self.heaps[place].get(number, b"")[:size])

    def heap(self, address: int) -> Iterator[tuple[int, bytes]]:
        """The numbered texts of a global heap."""
        cursor = self.at(address, 16)
        if cursor.take(8) != b"GCOL\1\0\0\0":
            raise Damaged("the text of an attribute is damaged")
        cursor = self.at(address + 16, max(cursor.number(8) - 16, 0))
        while cursor.left >= 16 and (number := cursor.number(2)):
            cursor.take(6)
            yield number, cursor.padded(cursor.number(8))


def _require_compact(cursor: Cursor, index_size: int) -> None:
    """Refuse a group's members or attributes kept in a heap, as new layouts may."""
    cursor.take(1)
    if cursor.number(1) & 1:
        cursor.take(index_size)
    if cursor.number(8) != UNDEFINED:
        raise Damaged("it is written in a newer layout of HDF5 than models need")


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Damaged("a text in it is no UTF-8") from None


def _name(data: bytes) -> str:
    name = _text(data)
    if name in ("", ".", "..") or "/" in name or len(name) > 1000:
        raise Damaged(f"an object in it has the name {name[:100]!r}")
    return name
