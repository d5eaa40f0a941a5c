"""Old Keras and tf.keras programs, run with lamina.

`install()` makes `keras`, `tensorflow.keras` and `tensorflow` in this process modules
of lamina that also understand old names, arguments and paths. `lamina run SCRIPT` and
`lamina check SCRIPT` do so for one program. Old spellings are tables here; the rest of
lamina does not know of them.
"""

from __future__ import annotations

import multiprocessing.spawn
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType

from lamina.compat import notices
from lamina.compat.finder import ROOTS, CompatFinder
from lamina.compat.keras.companions import FormerModules, forget_former_modules
from lamina.compat.patches.apply import apply_patches, undo_patches

__all__ = ["install", "installed", "uninstall"]

_finder = CompatFinder()
_former_modules = FormerModules()
_preparation_data = multiprocessing.spawn.get_preparation_data
_hidden: dict[str, ModuleType] = {}
_lock = threading.RLock()
# Number of open blocks of `installed`, except those within an `install()`.
_blocks = 0


def install() -> None:
    """Make `import keras` and `import tensorflow` mean lamina in this process.

    Installed packages of these names are not imported, and are unchanged on disk.

    Example:
        >>> lamina.compat.install()
        >>> import keras
        >>> keras.layers.Dense is lamina.layers.Dense
        True
        >>> lamina.compat.uninstall()
    """
    with _lock:
        if _finder in sys.meta_path:
            return
        _hidden.update(_remove_modules())
        sys.meta_path.insert(0, _finder)
        sys.meta_path.append(_former_modules)
        multiprocessing.spawn.get_preparation_data = _data_with_install
        apply_patches()


def uninstall() -> None:
    """Undo `install`: the modules of before, and no old arguments.

    Example:
        >>> lamina.compat.uninstall()
    """
    with _lock:
        if _finder not in sys.meta_path:
            return
        sys.meta_path.remove(_finder)
        sys.meta_path.remove(_former_modules)
        forget_former_modules()
        multiprocessing.spawn.get_preparation_data = _preparation_data
        undo_patches()
        notices.forget()
        _remove_modules()
        sys.modules.update(_hidden)
        _hidden.clear()


@contextmanager
def installed(quiet: bool = False) -> Iterator[None]:
    """Return a context manager in which old programs run; the last to end uninstalls.

    Args:
        quiet: whether not to name old spellings on standard error.

    Example:
        >>> with lamina.compat.installed():
        ...     from tensorflow.keras import layers
    """
    global _blocks
    with _lock:
        is_counted = _blocks > 0 or _finder not in sys.meta_path
        _blocks += is_counted
        before, notices.is_quiet = notices.is_quiet, quiet
        install()
    try:
        yield
    finally:
        with _lock:
            notices.is_quiet = before
            _blocks -= is_counted
            if is_counted and not _blocks:
                uninstall()


class _InstallQuietly:
    """Object that installs where it is unpickled: in a process that is spawned."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return _install_quietly, ()


def _install_quietly() -> None:
    notices.is_quiet = True
    install()


def _data_with_install(name: str) -> dict[str, object]:
    """Return what a spawned process needs; it also runs old programs."""
    return {"lamina": _InstallQuietly(), **_preparation_data(name)}


def _remove_modules() -> dict[str, ModuleType]:
    names = [n for n in sys.modules if n.partition(".")[0] in ROOTS]
    return {name: sys.modules.pop(name) for name in names}
