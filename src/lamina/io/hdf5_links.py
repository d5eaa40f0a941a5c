"""Members of the groups of an HDF5 file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lamina.io.byte_range import require
from lamina.io.hdf5_source import Source, decode_name
from lamina.io.hdf5_types import Cursor

_BAD_TREE = "the tree of a group is damaged"
_LINK = "it has a soft or external link"


def read_links(
    source: Source, links: Iterable[bytes], symbols: Iterable[bytes]
) -> Iterator[tuple[str, int]]:
    """Yield names and addresses of a group's members, in both layouts of h5py.

    Args:
        source: the file.
        links: header messages, one for each member.
        symbols: header messages with a tree of members.
    """
    for data in links:
        yield _read_link(Cursor(data))
    for data in symbols:
        tree, heap = Cursor(data).unpack("<2Q")
        signature, size, start = source.unpack_at(heap, "<8sQ8xQ")
        is_heap = signature == b"HEAP\0\0\0\0"
        require(is_heap, "the names of a group are damaged")
        names = source.cursor_at(start, size).data
        yield from _read_tree(source, tree, names, None)


def _read_link(cursor: Cursor) -> tuple[str, int]:
    version, flags = cursor.unpack("<2B")
    require(version == 1 and not (flags & 8 and cursor.read_int(1)), _LINK)
    cursor.read((8 if flags & 4 else 0) + (1 if flags & 16 else 0))
    name = cursor.read(cursor.read_int(1 << (flags & 3)))
    return decode_name(name), cursor.read_int(8)


def _read_tree(
    source: Source, address: int, names: bytes, level: int | None
) -> Iterator[tuple[str, int]]:
    """Yield the members below a B-tree node, whose level must decrease."""
    head, node_level, used = source.unpack_at(address, "<5sBH16x")
    require(head == b"TREE\0" and level in (None, node_level), _BAD_TREE)
    cursor = source.cursor_at(address + 24, 16 * used)
    for _ in range(used):
        (child,) = cursor.unpack("<8xQ")
        if node_level:
            yield from _read_tree(source, child, names, node_level - 1)
        else:
            yield from _read_symbols(source, child, names)


def _read_symbols(
    source: Source, address: int, names: bytes
) -> Iterator[tuple[str, int]]:
    signature, count = source.unpack_at(address, "<5sxH")
    require(signature == b"SNOD\1", _BAD_TREE)
    cursor = source.cursor_at(address + 8, 40 * count)
    for _ in range(count):
        name, child, kind = cursor.unpack("<2QI20x")
        require(kind <= 1, _LINK)
        yield decode_name(names[name : names.find(b"\0", name)]), child
