"""Unpacking archives that nobody has looked into: plain files and folders only."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import IO

from lamina.errors import FileFormatError, invalid

_FORMATS = ("tar", "zip")


def unpack(archive: Path, folder: Path, formats: str | list[str] | None) -> None:
    """Unpack into a fresh folder that takes its name only when it is complete."""
    if folder.exists() and folder.stat().st_mtime >= archive.stat().st_mtime:
        return
    names = _FORMATS if formats == "auto" else formats or ()
    allowed = (names,) if isinstance(names, str) else tuple(names)
    if unknown := set(allowed) - set(_FORMATS):
        raise invalid("get_file", "archive_format", unknown.pop(), "'tar' or 'zip'")
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        if "tar" in allowed and tarfile.is_tarfile(archive):
            _unpack_tar(archive, partial)
        elif "zip" in allowed and zipfile.is_zipfile(archive):
            _unpack_zip(archive, partial)
        else:
            raise FileFormatError(
                f"{archive} is no archive of a format that is allowed here "
                f"({' or '.join(allowed) or 'none'})."
            )
        if folder.exists():
            shutil.rmtree(folder)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _unpack_tar(path: Path, folder: Path) -> None:
    with tarfile.open(path) as archive:
        for member in archive:
            inside = _inside(folder, member.name)
            source = archive.extractfile(member) if member.isreg() else None
            if member.isdir():
                inside.mkdir(parents=True, exist_ok=True)
            elif source:
                _write(inside, source)
            else:
                raise FileFormatError(
                    f"{path} was not unpacked: its member {member.name!r} is a link or "
                    f"a device, and only plain files and folders are safe."
                )


def _unpack_zip(path: Path, folder: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            inside = _inside(folder, member.filename)
            if member.is_dir():
                inside.mkdir(parents=True, exist_ok=True)
            else:
                _write(inside, archive.open(member))


def _inside(folder: Path, name: str) -> Path:
    """Where a member goes. Names are judged by both systems' rules."""
    parts = name.replace("\\", "/").split("/")
    if not name or parts[0] == "" or ".." in parts or ":" in parts[0]:
        raise FileFormatError(
            f"The archive was not unpacked: the name {name!r} of one of its members "
            f"leads out of the folder it is unpacked to."
        )
    return folder.joinpath(*parts)


def _write(path: Path, source: IO[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with source, path.open("wb") as out:
        shutil.copyfileobj(source, out)
