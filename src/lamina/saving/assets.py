"""Asset files of user-defined layers, such as vocabularies.

They are stored as members `assets/<layer path>/...` of a `.keras` file, as in Keras.
"""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from lamina.core.module import Module
from lamina.core.untrusted import readable_size
from lamina.errors import ArgumentError, FileFormatError
from lamina.saving.archive import ASSETS, MAX_MEMBERS, Archive, leads_out
from lamina.saving.records import ModuleRecord, saved_modules

_CHUNK = 2**20


class SavedAssets:
    """Asset files that modules write into a temporary folder.

    The folder is deleted when this object is garbage-collected.

    Args:
        records: result of `module_records`.

    Raises:
        ArgumentError: a module writes a link, an unsafe file name or too many files.
    """

    def __init__(self, records: Iterable[ModuleRecord]) -> None:
        self.files: dict[str, Path] = {}
        modules: list[tuple[str, Any]] = [(r.path, r.module) for r in records]
        writers = [(path, m) for path, m in modules if hasattr(m, "save_assets")]
        if not writers:
            return
        base = Path(mkdtemp(prefix="lamina_"))
        weakref.finalize(self, shutil.rmtree, base, ignore_errors=True)
        for path, module in writers:
            (base / path).mkdir(parents=True, exist_ok=True)
            module.save_assets(str(base / path))
        for found in sorted(base.rglob("*")):
            name = ASSETS + found.relative_to(base).as_posix()
            if found.is_symlink() or not (found.is_file() or found.is_dir()):
                raise ArgumentError(
                    f"{name}: `save_assets` must write plain files, not links."
                )
            if leads_out(name):
                raise ArgumentError(
                    f"{name!r}: the file name that `save_assets` used is not valid on "
                    "every operating system. Use no colons or backslashes."
                )
            if found.is_file():
                self.files[name] = found
        if len(self.files) > MAX_MEMBERS - 3:
            raise ArgumentError(
                f"`save_assets` wrote {len(self.files):,} files; a model file has at "
                f"most {MAX_MEMBERS:,} members. Combine the files into one."
            )

    @staticmethod
    def chunks(file: Path) -> Iterator[bytes]:
        """Yield a file's bytes in chunks."""
        with file.open("rb") as opened:
            while chunk := opened.read(_CHUNK):
                yield chunk


def load_assets(root: Module, contents: Archive) -> None:
    """Unpack assets and pass them to the modules that can load them.

    Only the assets of modules with a `load_assets` method are unpacked, into a private
    temporary folder that is deleted afterwards.

    Raises:
        FileFormatError: a member cannot be unpacked.
    """
    names = [n for n in contents.members if n.startswith(ASSETS) and n[-1] != "/"]
    readers: list[tuple[str, Any]] = []
    wanted: set[str] = set()
    for path, module in saved_modules(root):
        prefix = f"{ASSETS}{path}/".replace("//", "/")
        members = {n for n in names if n.startswith(prefix)}
        if members and hasattr(module, "load_assets"):
            readers.append((path, module))
            wanted |= members
    if not readers:
        return
    with TemporaryDirectory(prefix="lamina_") as folder:
        size = sum(contents.members[name].file_size for name in wanted)
        free = shutil.disk_usage(folder).free
        if size > free:
            raise FileFormatError(
                f"The model's assets need {readable_size(size)}, but the disk of "
                f"temporary files has {readable_size(free)} free."
            )
        for name in sorted(wanted):
            _unpack(contents, name, Path(folder))
        for path, module in readers:
            module.load_assets(str(Path(folder, path)))


def _unpack(contents: Archive, name: str, folder: Path) -> None:
    target = folder / name.removeprefix(ASSETS)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            for chunk in contents.region(name).chunks():
                file.write(chunk)
    except OSError as error:
        raise FileFormatError(
            f"The member {name[:200]!r} of {contents.what} cannot be unpacked: "
            f"{error.strerror or error}."
        ) from None
