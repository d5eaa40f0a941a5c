"""The folder of a run: its lock, its record and its checkpoints."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from lamina.core.process import is_first_process
from lamina.errors import ArgumentError, FileFormatError, StateError
from lamina.io.files import atomic_write
from lamina.runtime.placement import is_shared
from lamina.training.checkpoint.run_file import Tree, read_run
from lamina.training.checkpoint.shards import (
    broadcast_name,
    folder_of,
    in_first_process,
    load_orbax,
    read_shards,
    require_shared,
)

# Endings of checkpoints of one process, and of several.
FILE, FOLDER = ".safetensors", ".shards"
_RECORD, _LOCK = "run.json", ".lock"


class CheckpointWarning(UserWarning):
    """A checkpoint could not be written, or could not be read.

    Example:
        ```python
        # Stop training if a checkpoint cannot be written.
        warnings.simplefilter("error", lamina.callbacks.CheckpointWarning)
        ```
    """


class RunFolder:
    """Folder of a run.

    If several processes train one model, all of them call `newest`, `skip`, `open`,
    `begin` and `delete`, and the first one changes the folder.

    Args:
        path: path of the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[bytes] | None = None
        self._damaged: dict[Path, str] = {}  # with the reason

    def files(self) -> list[Path]:
        """Return the paths of the checkpoints, newest first."""
        found = [p for end in (FILE, FOLDER) for p in self.path.glob(f"step-*{end}")]
        return sorted((p for p in found if p.is_file() or p.is_dir()), reverse=True)

    def newest(self) -> Tree | None:
        """Return the contents of the newest valid checkpoint, or `None`.

        Raises:
            ArgumentError: a process does not see the folder of the first one.
            MissingPackageError: Orbax, which several processes need, is not installed.
        """
        if not is_shared():
            return self._newest()[1]
        load_orbax()
        path, found = self._newest() if is_first_process() else (None, None)
        name = broadcast_name("" if path is None else path.name)
        if name and found is None:
            require_shared(self.path / name)
            found = _read(self.path / name)
        return found

    def _newest(self) -> tuple[Path | None, Tree | None]:
        """Return the newest valid checkpoint; warn of damaged ones."""
        damaged: list[str] = []
        found, outcome = (None, None), "There is no other, so training starts over."
        for path in self.files():
            try:
                if path in self._damaged:
                    raise FileFormatError(self._damaged[path])
                found = path, _read(path)
            except FileFormatError as error:
                damaged.append(str(error))
            else:
                outcome = f"Training resumes from {path.name}."
                break
        if damaged:
            warn(f"{' '.join(damaged)} {outcome}")
        return found

    def skip(self, damaged: Tree, reason: str) -> Tree | None:
        """Return the contents of the newest valid checkpoint before a damaged one."""
        self._damaged[folder_of(damaged)] = reason
        return self.newest()

    def open(self) -> None:
        """Create the folder and lock it until `close`.

        Raises:
            ArgumentError: the folder cannot be written to.
            StateError: another run is being trained in it.
        """
        in_first_process(self._open)

    def _open(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            path = self.path / _LOCK
            if path.exists() and not path.is_file():  # opening a pipe would wait
                raise _refused(path, "not a file")
            lock = path.open("ab")
        except OSError as error:
            raise _refused(self.path, error.strerror) from None
        if not _acquire_lock(lock):
            lock.close()
            raise StateError(
                f"A run is being trained in {str(self.path)!r} already, perhaps by "
                "another process. Wait until it ends, or pass `resume` another folder."
            )
        self._lock = lock

    def close(self) -> None:
        """Unlock the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def begin(self, record: dict[str, Any], first: str) -> None:
        """Remove partial files, rename damaged ones, and write the record.

        Args:
            record: description of the run for people, written to `run.json`.
            first: name, without ending, of the checkpoint from which training starts.

        Raises:
            ArgumentError: the folder cannot be written to.
        """
        in_first_process(lambda: self._begin(record, first))
        if is_shared():
            require_shared(self.path / _RECORD)

    def _begin(self, record: dict[str, Any], first: str) -> None:
        text = (json.dumps(record, indent=2) + "\n").encode()
        try:
            self._remove_partial_files(first)
            with atomic_write(self.path / _RECORD, len(text)) as file:
                file.write(text)
        except OSError as error:
            if not self.files():
                raise _refused(self.path, error.strerror or str(error)) from None
            warn(f"Training continues, but its record was not written: {error}")

    def _remove_partial_files(self, first: str) -> None:
        # Orbax appends to the name of a folder until all processes have written to it.
        for pattern in (f".*{FILE}.*", f".{_RECORD}.*", f"step-*{FOLDER}.orbax-*"):
            for partial in self.path.glob(pattern):
                _remove(partial)
        # Later files were damaged, and must not count as the newest.
        for path in self.files():
            if path.stem > first:
                damaged = path.with_name(path.name + ".damaged")
                _remove(damaged)
                path.replace(damaged)

    def keep(self, count: int, best: str | None) -> None:
        """Delete all checkpoints but the newest ones and the best one."""
        for path in self.files()[count:]:
            if path.name != best:
                _remove(path)

    def delete(self) -> None:
        """Delete all checkpoints, and the folder if it is then empty."""
        in_first_process(self._delete)

    def _delete(self) -> None:
        with suppress(OSError):  # leave a folder that cannot be changed
            for path in [*self.files(), self.path / _RECORD, self.path / _LOCK]:
                _remove(path)
            if not any(self.path.iterdir()):
                self.path.rmdir()


def _read(path: Path) -> Tree:
    return read_shards(path) if path.is_dir() else read_run(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _refused(folder: Path, reason: str | None) -> ArgumentError:
    return ArgumentError(
        f"Cannot write to {str(folder)!r}: {(reason or '').rstrip('.')}. Pass `resume` "
        "a folder that can be written to."
    )


def _acquire_lock(file: IO[bytes]) -> bool:
    """Lock a file; return False if another process holds the lock.

    Without support for locks, return True.
    """
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        pass
    return True


def warn(text: str) -> None:
    """Warn of a checkpoint."""
    warnings.warn(text, CheckpointWarning, stacklevel=3)
