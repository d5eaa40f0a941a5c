"""Downloads into the user's cache folder, checked before use."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

from lamina.datasets.archives import unpack
from lamina.errors import DownloadError, FileFormatError, invalid

__all__ = ["get_file", "is_cached"]

_TIMEOUT_SECONDS = 60


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | list[str] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Download a file once and return its path in the cache.

    A file whose hash does not fit never enters the cache, and an archive is unpacked
    only if each of its members is a plain file or folder below the target.

    Args:
        fname: name in the cache; the last part of `origin` when left out.
        origin: http(s) address.
        untar: older spelling of `extract` for tar archives.
        md5_hash: older spelling of `file_hash`.
        file_hash: expected hash, in hexadecimal.
        cache_subdir: folder inside the cache.
        hash_algorithm: `"sha256"`, `"md5"`, or `"auto"` to tell by the hash's length.
        extract: unpack the archive and return the folder it was unpacked to.
        archive_format: `"tar"`, `"zip"`, a list of these, or `"auto"` for either.
        cache_dir: cache folder, by default `~/.cache/lamina`.
        force_download: download even what the cache has already.

    Raises:
        DownloadError: the address can't be read.
        FileFormatError: the file is not the expected one, or is no safe archive.

    Example:
        ```python
        path = lamina.utils.get_file(origin="https://example.org/cars.csv")
        ```
    """
    if origin is None:
        raise invalid("get_file", "origin", origin, "the address to download from")
    name = _cache_name(fname, origin)
    folder = Path(cache_dir or _cache_home()).expanduser() / cache_subdir
    folder.mkdir(parents=True, exist_ok=True)
    is_archive = extract or untar
    bare_archive = is_archive and (fname is None or "." not in name)
    target = folder / (f"{name}_archive" if bare_archive else name)
    digest = (file_hash or md5_hash or "").lower()
    algorithm = _algorithm(digest, hash_algorithm)
    known = target.exists() and (not digest or _hash(target, algorithm) == digest)
    if force_download or not known:
        _download(origin, target, digest, algorithm)
    if not is_archive:
        return str(target)
    unpacked = folder / (name if bare_archive else f"{name.split('.')[0]}_extracted")
    unpack(target, unpacked, "tar" if untar else archive_format)
    return str(unpacked)


def is_cached(name: str) -> bool:
    """Return whether a data set's file is in the cache, whatever it holds."""
    return (_cache_home() / "datasets" / name).is_file()


def _cache_home() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "lamina"


def _cache_name(fname: str | os.PathLike[str] | None, origin: str) -> str:
    if fname is None:
        name = PurePosixPath(urlsplit(origin).path).name
    else:
        name = os.fspath(fname)
    if name in ("", ".", "..") or Path(name).name != name:
        hint = "Choose the folder with `cache_dir` and `cache_subdir`."
        raise invalid("get_file", "fname", name, "a file name without folders", hint)
    return name


def _algorithm(digest: str, algorithm: str) -> str:
    if algorithm == "auto":
        return "sha256" if len(digest) == 64 else "md5"
    if algorithm not in ("sha256", "md5"):
        expected = "'auto', 'sha256' or 'md5'"
        raise invalid("get_file", "hash_algorithm", algorithm, expected)
    return algorithm


def _hash(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _download(origin: str, target: Path, digest: str, algorithm: str) -> None:
    if urlsplit(origin).scheme not in ("http", "https"):
        raise invalid("get_file", "origin", origin, "an http:// or https:// address")
    # Written beside the target and moved there when whole, so that an interrupted
    # download, or two at once, never leave half a file under the final name.
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            _read(origin, out, target)
        if digest and (found := _hash(partial, algorithm)) != digest:
            raise FileFormatError(
                f"The file at {origin} is not the expected one: its {algorithm} hash "
                f"is {found}, but it should be {digest}. Try again; if the hash stays "
                f"the same, the file at that address was replaced."
            )
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _read(origin: str, out: IO[bytes], target: Path) -> None:
    from rich.progress import wrap_file

    try:
        with urlopen(origin, timeout=_TIMEOUT_SECONDS) as response:
            size = int(response.headers.get("Content-Length") or 0)
            text = f"Downloading {target.name}"
            with wrap_file(response, size, description=text) as body:
                shutil.copyfileobj(body, out)
    except OSError as error:
        if isinstance(error, HTTPError):
            error.close()
        raise DownloadError(_unreachable(origin, target, error)) from error
    if size and out.tell() != size:
        reason = f"the connection ended after {out.tell():,} of {size:,} bytes"
        raise DownloadError(_unreachable(origin, target, reason))


def _unreachable(origin: str, target: Path, reason: object) -> str:
    return (
        f"Could not download {origin}: {reason}. Check the network connection, or "
        f"download the file on another machine and put it at {target}."
    )
