"""Downloads into the user's cache folder, checked before use."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPMessage
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib import request
from urllib.error import HTTPError
from urllib.parse import urlsplit

from lamina.datasets.archives import unpack
from lamina.errors import (
    DownloadError,
    FileFormatError,
    LaminaError,
    SaveError,
    invalid,
)
from lamina.progress.bar import ProgressBar
from lamina.tracebacks import filter_traceback

_TIMEOUT_SECONDS = 60
_BLOCK_BYTES = 2**16
# File systems take names of 255 bytes; folders of unpacked archives add up to 10.
_MAX_NAME_BYTES = 240
# What http.client and urllib raise for bad addresses, headers and connections.
_NETWORK_ERRORS = (OSError, HTTPException, ValueError, OverflowError)
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@filter_traceback
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

    A file with a wrong hash never enters the cache, and an archive is unpacked only if
    each of its members is a plain file or folder inside the target folder.

    Args:
        fname: name in the cache, or an absolute path, where the file is stored then; by
            default the last part of `origin`.
        origin: http(s) address, or a local file as `file:///path`. An http(s) address
            may redirect to others, but never from https to http.
        untar: older spelling of `extract` for tar archives.
        md5_hash: older spelling of `file_hash`.
        file_hash: expected hash, in hexadecimal.
        cache_subdir: folder inside the cache.
        hash_algorithm: `"sha256"`, `"md5"`, or `"auto"` to detect it by the length.
        extract: whether to unpack the archive and return the folder.
        archive_format: `"tar"`, `"zip"`, a list of these, or `"auto"` for either.
        cache_dir: cache folder, by default `~/.cache/lamina`.
        force_download: whether to download a file that is in the cache.

    Raises:
        ArgumentError: an argument cannot be used.
        DownloadError: the address cannot be read.
        SaveError: the cache folder cannot be written to.
        FileFormatError: the file is not the expected one, or is not a safe archive.

    Example:
        ```python
        path = lamina.utils.get_file(origin="https://example.org/cars.csv")
        ```
    """
    address = _checked_origin(origin)
    parent, fname = _split_absolute(fname)
    name = _cache_name(fname, address)
    digest = file_hash or md5_hash or ""
    if not isinstance(digest, str):
        raise invalid("get_file", "file_hash", digest, "a string")
    check = digest.lower(), _algorithm(digest, hash_algorithm)
    should_unpack = extract or untar
    needs_suffix = should_unpack and (fname is None or "." not in name)
    with _cache_errors():
        folder = Path(cache_dir or cache_home()).expanduser() / cache_subdir / parent
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / (f"{name}_archive" if needs_suffix else name)
        if force_download or not target.exists() or not validate_file(target, *check):
            _download(address, target, *check)
        if not should_unpack:
            return str(target)
        stem = name if needs_suffix else f"{name.split('.')[0]}_extracted"
        unpack(target, folder / stem, "tar" if untar else archive_format)
        return str(folder / stem)


def is_cached(name: str) -> bool:
    """Return whether a dataset's file is in the cache; its hash is not checked."""
    return (cache_home() / "datasets" / name).is_file()


def cache_home() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "lamina"


@contextmanager
def _cache_errors() -> Iterator[None]:
    """Convert errors of the file system in this block into `SaveError`."""
    try:
        yield
    except LaminaError:
        raise
    except (OSError, TypeError, ValueError) as error:
        raise SaveError(
            f"get_file: the cache folder cannot be used ({error}). Pass as `cache_dir` "
            "a folder that you may write to, or set XDG_CACHE_HOME to one."
        ) from error


def _checked_origin(origin: str | None) -> str:
    with suppress(ValueError):  # Brackets without an IPv6 address.
        schemes = ("http", "https", "file")
        if isinstance(origin, str) and urlsplit(origin).scheme in schemes:
            return origin
    expected = "an address that starts with http://, https:// or file://"
    raise invalid("get_file", "origin", origin, expected)


def _split_absolute(fname: Any) -> tuple[str, Any]:
    """Return the folder of an absolute path, and the name of the file in it."""
    is_path = isinstance(fname, (str, os.PathLike)) and os.path.isabs(fname)
    return os.path.split(os.fspath(fname)) if is_path else ("", fname)


def _cache_name(fname: object, origin: str) -> str:
    name = PurePosixPath(urlsplit(origin).path).name if fname is None else fname
    name = os.fspath(name) if isinstance(name, os.PathLike) else name
    if not isinstance(name, str) or not _is_file_name(name):
        expected = f"a file name without folders, of at most {_MAX_NAME_BYTES} bytes"
        hint = "Choose the folder with `cache_dir` and `cache_subdir`."
        raise invalid("get_file", "fname", name, expected, hint)
    return name


def _is_file_name(name: str) -> bool:
    try:
        size = len(os.fsencode(name))
    except UnicodeError:
        return False
    is_plain = name not in ("", ".", "..") and Path(name).name == name
    return is_plain and "\0" not in name and size <= _MAX_NAME_BYTES


def _algorithm(digest: str, algorithm: str) -> str:
    if algorithm == "auto":
        return "sha256" if len(digest) == 64 else "md5"
    if algorithm not in ("sha256", "md5"):
        expected = "'auto', 'sha256' or 'md5'"
        raise invalid("get_file", "hash_algorithm", algorithm, expected)
    return algorithm


def validate_file(path: Path, digest: str, algorithm: str) -> bool:
    """Return whether a file has the expected hash, if there is one."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest() if digest else ""
    return found == digest


def _download(origin: str, target: Path, digest: str, algorithm: str) -> None:
    # Download to a temporary file and rename it, so that an interruption or parallel
    # downloads never leave an incomplete file under the final name.
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".download.")
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            _stream(origin, out, target)
        if not validate_file(partial, digest, algorithm):
            raise FileFormatError(
                f"The file at {origin} is not the expected one: its {algorithm} hash "
                f"is not {digest}. Try again; if that does not help, the file at that "
                "address has changed."
            )
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


class _Redirects(request.HTTPRedirectHandler):
    """Handler that follows redirects to http(s) only, and from https to https only."""

    def redirect_request(
        self,
        req: request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> request.Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme != "https" and (scheme != "http" or req.type == "https"):
            raise ValueError(
                f"it redirects from {req.type} to {newurl}; only https, or http from "
                "http, is followed"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


# Without the handlers of ftp: and data: addresses.
_NETWORK_HANDLERS = (
    request.ProxyHandler,
    request.HTTPHandler,
    request.HTTPSHandler,
    _Redirects,
    request.HTTPDefaultErrorHandler,
    request.HTTPErrorProcessor,
    request.UnknownHandler,
)


def urlopen(origin: str) -> Any:
    """Open an address with handlers for http, https and local files only."""
    opener = request.OpenerDirector()
    is_file = urlsplit(origin).scheme == "file"
    for handler in [request.FileHandler] if is_file else _NETWORK_HANDLERS:
        opener.add_handler(handler())
    return opener.open(origin, timeout=_TIMEOUT_SECONDS)


def _stream(origin: str, out: IO[bytes], target: Path) -> None:
    try:
        with urlopen(origin) as response:
            size = int(response.headers.get("Content-Length") or 0)
            if size < 0:
                raise ValueError(f"its Content-Length is {size}")
            text, total = f"Downloading {target.name}", size or None
            with ProgressBar(text, total, "B", delay=0.2, is_kept=True) as bar:
                while block := response.read(_BLOCK_BYTES):
                    out.write(block)
                    bar.add(len(block))
    except _NETWORK_ERRORS as error:
        if getattr(error, "errno", None) in _DISK_ERRORS:
            raise
        if isinstance(error, HTTPError):
            error.close()
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DownloadError(_unreachable(origin, target, reason)) from error
    if size and out.tell() != size:
        reason = f"the connection ended after {out.tell():,} of {size:,} bytes"
        raise DownloadError(_unreachable(origin, target, reason))


def _unreachable(origin: str, target: Path, reason: object) -> str:
    return (
        f"Could not download {origin}: {reason}. Check the network connection, or "
        f"download the file on another machine and copy it to {target}."
    )
