"""Old Keras and tf.keras programs, run with lamina.

`install()` makes `keras`, `tensorflow.keras` and `tensorflow` in this process modules
of lamina that also understand old names, arguments and paths. `lamina run SCRIPT` and
`lamina check SCRIPT` do so for one program. Old spellings are tables here; the rest of
lamina does not know of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lamina.compat import notices
from lamina.compat.finder import ROOTS, CompatFinder
from lamina.compat.patches import apply_patches, undo_patches

__all__ = ["install", "installed", "uninstall"]

_finder = CompatFinder()
_hidden: dict[str, object] = {}


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
    if _finder in sys.meta_path:
        return
    _hidden.update(_remove_modules())
    sys.meta_path.insert(0, _finder)
    apply_patches()


def uninstall() -> None:
    """Undo `install`: the modules of before, and no old arguments.

    Example:
        >>> lamina.compat.uninstall()
    """
    if _finder not in sys.meta_path:
        return
    sys.meta_path.remove(_finder)
    undo_patches()
    notices.forget()
    _remove_modules()
    sys.modules.update(_hidden)  # type: ignore[arg-type]
    _hidden.clear()


@contextmanager
def installed(quiet: bool = False) -> Iterator[None]:
    """Return a context manager in which old programs run.

    Args:
        quiet: whether not to name old spellings on standard error.

    Example:
        >>> with lamina.compat.installed():
        ...     from tensorflow.keras import layers
    """
    before = notices.is_quiet
    notices.is_quiet = quiet
    install()
    try:
        yield
    finally:
        uninstall()
        notices.is_quiet = before


def _remove_modules() -> dict[str, object]:
    names = [n for n in sys.modules if n.partition(".")[0] in ROOTS]
    return {name: sys.modules.pop(name) for name in names}
