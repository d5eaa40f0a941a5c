"""Files that a user's layers put beside their variables, such as lists of words.

They are members `assets/<the layer's place>/...` of a `.keras` file, as in Keras.
"""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from lamina.core.budget import readable_size
from lamina.core.module import Module
from lamina.errors import ArgumentError, FileFormatError
from lamina.saving.archive import ASSETS, MAX_MEMBERS, Archive, leads_out
from lamina.saving.weights import saved_modules

__all__ = ["SavedAssets", "load_assets"]

_CHUNK = 2**20


class SavedAssets:
    """What modules write when they are asked to save their assets.

    They write into a temporary folder, which is there as long as this object.

    Args:
        modules: what `saved_modules` returned.

    Raises:
        ArgumentError: a module writes something that a file has no place for.
    """

    def __init__(self, modules: Iterable[tuple[str, Any]]) -> None:
        self.files: dict[str, Path] = {}
        makers = [(path, m) for path, m in modules if hasattr(m, "save_assets")]
        if not makers:
            return
        base = Path(mkdtemp(prefix="lamina_"))
        weakref.finalize(self, shutil.rmtree, base, ignore_errors=True)
        for path, module in makers:
            (base / path).mkdir(parents=True, exist_ok=True)
            module.save_assets(str(base / path))
        for found in sorted(base.rglob("*")):
            name = ASSETS + found.relative_to(base).as_posix()
            if found.is_symlink() or not (found.is_file() or found.is_dir()):
                raise ArgumentError(f"{name}: `save_assets` may write files, no links.")
            if leads_out(name):
                raise ArgumentError(
                    f"{name!r}: `save_assets` gave a file a name that is not one on "
                    "every machine. Leave out colons and backslashes."
                )
            if found.is_file():
                self.files[name] = found
        if len(self.files) > MAX_MEMBERS - 3:
            raise ArgumentError(
                f"`save_assets` wrote {len(self.files):,} files; a model file has at "
                f"most {MAX_MEMBERS:,} members. Put them together in one."
            )

    @property
    def size(self) -> int:
        """How many bytes they have together."""
        return sum(file.stat().st_size for file in self.files.values())

    @staticmethod
    def chunks(file: Path) -> Iterator[bytes]:
        """A file's bytes, some at a time."""
        with file.open("rb") as opened:
            while chunk := opened.read(_CHUNK):
                yield chunk


def load_assets(root: Module, contents: Archive) -> None:
    """Let the modules that can load assets have those of the file.

    Only what belongs to such a module, which is the user's, is unpacked: below a new
    folder that nobody else may enter, and that is gone afterwards.

    Raises:
        FileFormatError: a member can't be unpacked.
    """
    names = [n for n in contents.members if n.startswith(ASSETS) and n[-1] != "/"]
    takers: list[tuple[str, Any]] = []
    wanted: set[str] = set()
    for path, module in saved_modules(root):
        own = {n for n in names if n.startswith(f"{ASSETS}{path}/".replace("//", "/"))}
        if own and hasattr(module, "load_assets"):
            takers.append((path, module))
            wanted |= own
    if not takers:
        return
    with TemporaryDirectory(prefix="lamina_") as folder:
        _require_room(folder, sum(contents.members[n].file_size for n in wanted))
        for name in sorted(wanted):
            _unpack(contents, name, Path(folder))
        for path, module in takers:
            module.load_assets(str(Path(folder, path)))


def _require_room(folder: str, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise FileFormatError(
            f"The model's assets take {readable_size(size)}, and the disk of temporary "
            f"files has {readable_size(free)} left."
        )


def _unpack(contents: Archive, name: str, folder: Path) -> None:
    target = folder / name.removeprefix(ASSETS)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            for chunk in contents.region(name).chunks():
                file.write(chunk)
    except OSError as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(
            f"The member {name[:200]!r} of {contents.what} can't be unpacked: "
            f"{error.strerror or error}."
        ) from None
