"""Downloads are whole and checked or not there; archives stay in their folder."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from lamina.datasets.fetch import get_file
from lamina.errors import ArgumentError, DownloadError, FileFormatError, SaveError


def tar_of(*members: tuple[tarfile.TarInfo | str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member, content in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zip_of(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def everything_below(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_a_file_is_downloaded_once(web, tmp_path):
    sha256 = web.put("cars.csv", b"1,2\n")
    for _ in range(2):
        path = get_file(origin=web.address + "cars.csv", file_hash=sha256)
    assert Path(path) == tmp_path / "cache" / "lamina" / "datasets" / "cars.csv"
    assert Path(path).read_bytes() == b"1,2\n"
    assert web.requests == ["/cars.csv"]


@pytest.mark.parametrize("convert", [str, Path])
def test_a_file_may_have_an_absolute_path(convert, web, tmp_path):
    web.put("cars.csv", b"1")
    path = tmp_path / "below" / "mine.csv"
    assert get_file(convert(path), web.address + "cars.csv") == str(path)
    assert path.read_bytes() == b"1"


def test_the_name_leaves_out_the_query(web):
    web.put("cars.csv", b"1")
    assert Path(get_file(origin=web.address + "cars.csv?v=2")).name == "cars.csv"


def test_force_download_downloads_again(web):
    web.put("a", b"old")
    get_file(origin=web.address + "a")
    web.put("a", b"new")
    assert Path(get_file(origin=web.address + "a")).read_bytes() == b"old"
    forced = get_file(origin=web.address + "a", force_download=True)
    assert Path(forced).read_bytes() == b"new"


def test_a_damaged_file_in_the_cache_is_replaced(web):
    sha256 = web.put("a", b"right")
    path = Path(get_file(origin=web.address + "a", file_hash=sha256))
    path.write_bytes(b"wrong")
    get_file(origin=web.address + "a", file_hash=sha256)
    assert path.read_bytes() == b"right"


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_hash_algorithm_is_detected_by_length(web, algorithm):
    web.put("a", b"content")
    digest = hashlib.new(algorithm, b"content").hexdigest().upper()
    assert get_file(origin=web.address + "a", file_hash=digest)


@pytest.mark.parametrize("length", [32, 64])
def test_a_wrong_hash_leaves_nothing_behind(web, tmp_path, length):
    web.put("a", b"content")
    with pytest.raises(FileFormatError, match="is not the expected one"):
        get_file(origin=web.address + "a", file_hash="0" * length)
    assert everything_below(tmp_path / "cache") == set()


def test_interrupted_download_leaves_nothing_behind(web, tmp_path):
    with pytest.raises(DownloadError, match="after 9 of 1,000 bytes"):
        get_file(origin=web.address + "cut-short")
    assert everything_below(tmp_path / "cache") == set()


def test_download_error_names_address_and_solution(web, tmp_path):
    with pytest.raises(DownloadError) as caught:
        get_file(origin=web.address + "nowhere.npz")
    assert "404" in str(caught.value)
    expected = tmp_path / "cache" / "lamina" / "datasets" / "nowhere.npz"
    assert f"copy it to {expected}" in str(caught.value)
    assert isinstance(caught.value, OSError)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"origin": 5},
        {"origin": b"http://127.0.0.1/a"},
        {"origin": "ftp://127.0.0.1/a"},
        {"origin": "data:,a"},
        {"origin": "/etc/hostname"},
        {"origin": "http://[::1/a"},
        {"origin": "http://127.0.0.1/"},
        {"origin": "http://127.0.0.1/a", "fname": "../a"},
        {"origin": "http://127.0.0.1/a", "fname": os.path.join("b", "a")},
        {"origin": "http://127.0.0.1/a", "fname": "a\0b"},
        {"origin": "http://127.0.0.1/a", "fname": "a" * 300},
        {"origin": "http://127.0.0.1/a", "fname": "\ud800"},
        {"origin": "http://127.0.0.1/a", "fname": 5},
        {"origin": "http://127.0.0.1/" + "a" * 300},
        {"origin": "http://127.0.0.1/a", "hash_algorithm": "crc32"},
        {"origin": "http://127.0.0.1/a", "file_hash": 5},
    ],
)
def test_bad_arguments(web, arguments):
    with pytest.raises(ArgumentError, match="get_file: "):
        get_file(**arguments)
    assert web.requests == []


def test_local_file_is_copied(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = tmp_path / "my cars.csv"
    source.write_bytes(b"1,2\n")
    path = Path(get_file("cars.csv", source.as_uri()))
    assert path.parent == tmp_path / "cache" / "lamina" / "datasets"
    assert path.read_bytes() == b"1,2\n"
    with pytest.raises(DownloadError, match="No such file"):
        get_file(origin=(tmp_path / "missing").as_uri())


@pytest.mark.parametrize("value", [["tar", "rar"], "rar", 5, {"tar": 1}])
def test_an_unknown_archive_format_is_refused(web, value):
    web.put("pack.tar.gz", tar_of(("a.txt", b"a")))
    with pytest.raises(ArgumentError, match="`archive_format` must be"):
        get_file(origin=web.address + "pack.tar.gz", extract=True, archive_format=value)


CACHES = {"file": "file", "below a file": "file/below", "NUL": "a\0b", "number": 5}


@pytest.mark.parametrize("kind", CACHES)
def test_unwritable_cache_raises_save_error(web, tmp_path, kind):
    (tmp_path / "file").write_bytes(b"")
    place = CACHES[kind]
    folder = tmp_path / place if isinstance(place, str) else place
    with pytest.raises(SaveError, match="the cache folder cannot be used"):
        get_file(origin=web.address + "a", cache_dir=folder)


def test_full_disk_raises_save_error(web, monkeypatch):
    web.put("a", b"content")

    def open_full(handle, mode):
        os.close(handle)
        return open("/dev/full", mode, buffering=0)

    monkeypatch.setattr("lamina.datasets.fetch.os.fdopen", open_full)
    with pytest.raises(SaveError, match="No space left"):
        get_file(origin=web.address + "a")


def test_a_tar_is_unpacked_once(web):
    web.put("pack.tar.gz", tar_of(("one/a.txt", b"a"), ("b.txt", b"b")))
    origin = web.address + "pack.tar.gz"
    folder = Path(get_file(origin=origin, extract=True))
    assert (folder / "one" / "a.txt").read_bytes() == b"a"
    assert (folder / "b.txt").read_bytes() == b"b"
    (folder / "mine").write_bytes(b"")
    assert Path(get_file(origin=origin, extract=True)) == folder
    assert (folder / "mine").exists()


def test_a_zip_is_unpacked_to_the_name_keras_gives(web):
    web.put("pack.zip", zip_of(one__a=b"a", b=b"b"))
    folder = Path(get_file("pack.zip", web.address + "pack.zip", extract=True))
    assert folder.name == "pack_extracted"
    assert (folder / "one" / "a").read_bytes() == b"a"


def link(kind: bytes, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo("link")
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    "member",
    [
        "../outside",
        "inside/../../outside",
        "/outside",
        "..\\outside",
        "C:outside",
        link(tarfile.SYMTYPE, "../outside"),
        link(tarfile.LNKTYPE, "../outside"),
        link(tarfile.CHRTYPE, ""),
    ],
    ids=["up", "inside up", "root", "backslash", "drive", "symlink", "link", "device"],
)
def test_tar_with_escaping_member_is_refused(web, tmp_path, member):
    web.put("pack.tar.gz", tar_of(("first", b"good"), (member, b"")))
    with pytest.raises(FileFormatError, match="not unpacked"):
        get_file(origin=web.address + "pack.tar.gz", extract=True)
    assert everything_below(tmp_path / "cache") == {"pack.tar.gz_archive"}
    assert not list(tmp_path.rglob("outside"))


def test_zip_with_escaping_member_is_refused(web, tmp_path):
    web.put("pack.zip", zip_of(first=b"good", **{"..__outside": b"bad"}))
    with pytest.raises(FileFormatError, match="leads out of the folder"):
        get_file(origin=web.address + "pack.zip", extract=True)
    assert everything_below(tmp_path / "cache") == {"pack.zip_archive"}


def test_file_that_is_not_an_archive_raises(web):
    web.put("pack.zip", b"not a zip")
    with pytest.raises(FileFormatError, match="not an archive"):
        get_file(origin=web.address + "pack.zip", extract=True)
    web.put("pack.zip", zip_of(a=b"a"))
    with pytest.raises(FileFormatError, match=r"allowed format \(tar\)"):
        get_file(origin=web.address + "pack.zip", untar=True, force_download=True)
