"""Archives that are unpacked to a folder, and files of data sets in the cache."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from lamina import config
from lamina.datasets import (
    archives,
    boston_housing,
    cifar10,
    imdb,
    mnist,
    reuters,
)
from lamina.datasets.arrays import read_arrays
from lamina.datasets.keras_files import HASHES, SERVER
from lamina.utils import get_file
from tests.security.harmless import refused
from tests.security.hostile import zipped
from tests.security.test_configs import Bomb
from tests.tables.cases import named

# Larger than what any archive may hold, however small it is.
LARGE = 80 * 2**20


class Row(NamedTuple):
    """An archive that does harm where it works, and why it is refused."""

    name: str
    make: Callable[[], bytes]
    reason: str


def tar(*members: tarfile.TarInfo | str, mode: str = "w:gz") -> bytes:
    """A tar of members with a few bytes each."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for member in ("first", *members):
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = 4 if info.isreg() else 0
            archive.addfile(info, io.BytesIO(b"harm"))
    return buffer.getvalue()


def member(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def chain() -> bytes:
    """CVE-2025-12638: links whose resolved path is longer than any path can be."""
    members: list[tarfile.TarInfo | str] = []
    place = ""
    for letter in "abcdefghijklmnop":
        folder = "d" * 247
        members.append(member(f"{place}{folder}", tarfile.DIRTYPE))
        members.append(member(f"{place}{letter}", tarfile.SYMTYPE, folder))
        place += f"{letter}/"
    members.append(member(f"{place}{'l' * 254}", tarfile.SYMTYPE, "../" * 16))
    return tar(*members, f"{place}{'l' * 254}/outside")


@cache
def large_tar(pack: Callable[[bytes], bytes]) -> bytes:
    """Zeros, packed to a thousandth."""
    info = tarfile.TarInfo("zeros")
    info.size = LARGE
    return pack(info.tobuf() + bytes(LARGE + 1024))


def large_header() -> bytes:
    """A name of many megabytes, which Python reads whole."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, LARGE
    return bz2.compress(info.tobuf() + b"a" * LARGE + tarfile.TarInfo("b").tobuf())


def holes() -> bytes:
    """A file of a terabyte that is said to be holes."""
    info = tarfile.TarInfo("holes")
    info.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[483:495] = b"%011o\0" % 2**33
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + bytes(1024)


def said_to_be(size: int) -> bytes:
    """A member whose size leads the reader backwards, or nowhere."""
    block = bytearray(tarfile.TarInfo("a").tobuf())
    block[124:136] = struct.pack(">i", -1) + struct.pack(">q", size)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + bytes(2048)


@cache
def large_zip() -> bytes:
    return zipped(("zeros", bytes(LARGE)), compression=zipfile.ZIP_DEFLATED)


def link_in_zip() -> bytes:
    info = zipfile.ZipInfo("link")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return zipped((info, b"/etc/passwd"))


@cache
def bzip2_in_zip() -> bytes:
    """Python unpacks such members without a bound on memory."""
    return zipped(("zeros", bytes(200 * 2**20)), compression=zipfile.ZIP_BZIP2)


def large_directory() -> bytes:
    """A directory of half a million members that are not there."""
    entry = b"PK\1\2" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"a"
    entries = entry * 500_000
    end = struct.pack("<4H2LH", 0, 0, 65535, 65535, len(entries), 4, 0)
    return b"PK\3\4" + entries + b"PK\5\6" + end


def twice_in_zip() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate name"):
        return zipped(("a", b"1"), ("a", b"2"))


OUT, LINK, LARGER = "leads out", "a link or a device", "times its size"
ROWS = [
    Row("CVE-2024-55459:up", lambda: tar("../outside"), OUT),
    Row("CVE-2024-55459:inside_up", lambda: tar("a/../../outside"), OUT),
    Row("CVE-2024-55459:root", lambda: tar("/outside"), OUT),
    Row("CVE-2024-55459:backslash", lambda: tar("..\\outside"), OUT),
    Row("CVE-2024-55459:drive", lambda: tar("C:outside"), OUT),
    Row("CVE-2024-55459:zip", lambda: zipped(("../outside", b"harm")), OUT),
    Row(
        "CVE-2025-12060:symlink",
        lambda: tar(member("link", tarfile.SYMTYPE, ".."), "link/outside"),
        LINK,
    ),
    Row("CVE-2025-12638:chain", chain, LINK),
    Row(
        "#22973:hard_link", lambda: tar(member("../a", tarfile.LNKTYPE, "first")), LINK
    ),
    Row(
        "#23015:link_to_itself",
        lambda: tar(member("link", tarfile.SYMTYPE, "."), "link/../outside"),
        LINK,
    ),
    Row("CVE-2025-12060:device", lambda: tar(member("a", tarfile.CHRTYPE)), LINK),
    Row("CVE-2025-12060:fifo", lambda: tar(member("a", tarfile.FIFOTYPE)), LINK),
    Row("symlinks:zip", link_in_zip, LINK),
    Row("#23101:gzip", lambda: large_tar(gzip.compress), LARGER),
    Row("#23101:bzip2", lambda: large_tar(bz2.compress), LARGER),
    Row("#23101:zip", large_zip, LARGER),
    Row("#23101:bzip2_in_zip", bzip2_in_zip, "only stored and deflated"),
    Row("#23101:header", large_header, "more than 4.0 MiB"),
    Row("#23101:holes", holes, LARGER),
    Row("#23101:directory", large_directory, "more than 16.0 MiB"),
    Row("truncated:negative", lambda: said_to_be(-512), "."),
    Row("truncated:gzip", lambda: tar("a" * 90)[:-20], "damaged"),
    Row("truncated:zip", lambda: zipped(("a", b"harm"))[:-30], "not an archive"),
    Row("truncated:noise", lambda: b"\x1f\x8b" + bytes(range(256)), "not an archive"),
    Row("archive-names:long", lambda: tar("a" * 300), "damaged, or cannot be written"),
    Row("archive-names:deep", lambda: tar("a/" * 3000 + "b"), "."),
    Row("archive-names:tree", lambda: tar("a/" * 900 + "b", "../b"), "folders deep"),
    Row("archive-names:file_as_folder", lambda: tar("first/a"), "cannot be written"),
    Row("duplicates:tar", lambda: tar("first"), "two members named 'first'"),
    Row("duplicates:zip", twice_in_zip, "two members named 'a'"),
]


def unpacked(data: bytes, folder: Path, **options: Any) -> str:
    """Call `get_file` for an archive that is in the cache."""
    cached = folder / "cache" / "datasets" / "pack_archive"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(data)
    origin = "http://127.0.0.1:9/pack"
    return get_file(origin=origin, cache_dir=folder / "cache", extract=True, **options)


@pytest.mark.parametrize("row", named(ROWS))
def test_a_hostile_archive_is_refused_whole(row, tmp_path):
    data = row.make()
    with refused(row.reason, folder=tmp_path / "cache"):
        unpacked(data, tmp_path)
    assert [p.name for p in (tmp_path / "cache" / "datasets").iterdir()] == [
        "pack_archive"
    ]


def test_names_are_checked_against_target_folder(tmp_path, monkeypatch):
    """GHSA-hqp4-2352-xf5r: inside the folder of the process is not inside."""
    monkeypatch.chdir("/")
    with refused(OUT, folder=tmp_path / "cache"):
        unpacked(tar("../../outside"), tmp_path)


def test_members_are_counted(tmp_path, monkeypatch):
    """#23010: many members of no size."""
    monkeypatch.setattr(archives, "_MAX_MEMBERS", 10)
    with refused("more than 10 members", folder=tmp_path / "cache"):
        unpacked(tar(*map(str, range(10))), tmp_path)


def test_the_disk_is_not_filled(tmp_path, monkeypatch):
    """#23010: what would not fit is not begun."""
    usage = archives.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: usage)
    with refused("than the free disk space", folder=tmp_path / "cache"):
        unpacked(zipped(("a", bytes(1000))), tmp_path)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_good_archives_of_every_kind_are_unpacked(mode, tmp_path):
    folder = Path(unpacked(tar("b/c", "./d", mode=mode), tmp_path))
    found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert found == {"first", "b/c", "d"}
    assert (folder / "b" / "c").read_bytes() == b"harm"


def npz(name: str, array: bytes) -> bytes:
    return zipped((f"{name}.npy", array))


def array_of_bombs() -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|O", "fortran_order": False, "shape": (1,)}
    )
    return stream.getvalue() + pickle.dumps(np.array([Bomb()], object))


def array_of_a_terabyte() -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f8", "fortran_order": False, "shape": (2**37,)}
    )
    return stream.getvalue()


CACHES = {"mnist": mnist, "boston_housing": boston_housing, "imdb": imdb,
          "reuters": reuters}  # fmt: skip
FIRST = {"mnist": "x_train", "boston_housing": "x", "imdb": "x_train", "reuters": "x"}


@pytest.mark.parametrize("make", [array_of_bombs, array_of_a_terabyte])
@pytest.mark.parametrize("name", CACHES, ids=lambda name: f"#23026:{name}")
def test_a_file_in_the_cache_is_no_program(name, make, tmp_path, monkeypatch):
    """#23026, #23047: even one that has the hash of the true file."""
    data = npz(FIRST[name], make())
    _in_the_cache(name, data, tmp_path, monkeypatch)
    reason = "pickles|need only NumPy|declares the shape|is damaged"
    with refused(reason, folder=tmp_path):
        CACHES[name].load_data()


def _in_the_cache(name: str, data: bytes, folder: Path, monkeypatch: Any) -> Path:
    path = folder / "lamina" / "datasets" / f"{name}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.setitem(HASHES, f"{name}.npz", hashlib.sha256(data).hexdigest())
    return path


def npz_of_zeros(**options: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(25 * 2**20))
    return zipped(("x.npy", stream.getvalue()), **options)


def npz_that_declares(size: int) -> bytes:
    """A member whose directory entry declares another size."""
    data = bytearray(npz("x", array_of_a_terabyte()))
    entry = data.index(b"PK\1\2")
    data[entry + 24 : entry + 28] = struct.pack("<I", size)
    return bytes(data)


DEFLATED, BZIP2 = zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2
MEMBERS = {
    "deflated": (lambda: npz_of_zeros(compression=DEFLATED), "needs 200.0 MiB"),
    "bzip2": (lambda: npz_of_zeros(compression=BZIP2), "only stored and deflated"),
    "declares_more": (lambda: npz_that_declares(10**8), "declares 100,000,000"),
    "declares_less": (lambda: npz_that_declares(100), "CRC|described"),
}


@pytest.mark.parametrize("name", MEMBERS, ids=lambda name: f"#23026:npz:{name}")
def test_a_member_of_an_npz_takes_no_more_than_the_memory_limit(name, tmp_path):
    make, reason = MEMBERS[name]
    path = tmp_path / "a.npz"
    path.write_bytes(make())
    config.set_memory_limit(10**8)
    with refused(reason, path):
        read_arrays(str(path), "x")


CIFAR = {
    "pickle": lambda: tar(*BATCHES),
    "links": lambda: tar(*(member(b, tarfile.SYMTYPE, "first") for b in BATCHES)),
    "nothing": lambda: tar(),
    "no_tar": lambda: pickle.dumps(Bomb()),
}
BATCHES = [f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)]


@pytest.mark.parametrize("name", CIFAR, ids=lambda name: f"huntr#1504:{name}")
def test_batches_of_images_are_bytes_and_no_pickles(name, tmp_path, monkeypatch):
    data = CIFAR[name]()
    path = tmp_path / "lamina" / "datasets" / "cifar-10-binary.tar.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    archive = cifar10.BINARY._replace(digest=hashlib.md5(data).hexdigest())
    monkeypatch.setattr(cifar10, "BINARY", archive)
    with refused("cannot be read|does not hold rows", folder=tmp_path):
        cifar10.load_data()


def test_a_file_in_the_cache_with_another_hash_is_not_read(tmp_path, monkeypatch):
    """#23026: it is fetched anew, and here there is nowhere to fetch it from."""
    data = npz("x_train", array_of_bombs())
    path = _in_the_cache("mnist", data, tmp_path, monkeypatch)
    path.write_bytes(data + b"!")
    fetched: list[str] = []
    monkeypatch.setattr(
        "lamina.datasets.fetch._download", lambda origin, *_: fetched.append(origin)
    )
    with refused("pickles", folder=tmp_path):  # nobody put another in its place
        mnist.load_data()
    assert fetched == [SERVER + "mnist.npz"]
