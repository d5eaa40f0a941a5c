"""Traceback filtering: an error shows the user's frames, not the library's.

`lamina.config` publishes the functions that turn it on and off.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

from lamina.errors import LaminaError, LikelyMistakeWarning
from lamina.value_errors import explain

F = TypeVar("F", bound=Callable[..., Any])

_LIBRARY = frozenset({"lamina", "jax", "jaxlib"})
# Frames of these packages belong to the library where the library called them.
_HELPERS = sys.stdlib_module_names | {"h5py", "matplotlib", "numpy", "optax", "rich"}
_PACKAGES = _LIBRARY | _HELPERS
_settings = {"traceback_filtering": True}
_JAX_NOTE = "For simplicity, JAX has removed its internal frames"


def enable_traceback_filtering() -> None:
    """Show only your own frames in the traceback of an error, the default.

    Example:
        >>> enable_traceback_filtering()
        >>> is_traceback_filtering_enabled()
        True
    """
    _settings["traceback_filtering"] = True


def disable_traceback_filtering() -> None:
    """Show the frames of lamina and JAX in the traceback of an error as well.

    Do so to debug lamina itself, or to inspect its frames with `pdb.post_mortem`.

    Example:
        >>> disable_traceback_filtering()
        >>> is_traceback_filtering_enabled()
        False
        >>> enable_traceback_filtering()
    """
    _settings["traceback_filtering"] = False


def is_traceback_filtering_enabled() -> bool:
    """Return whether tracebacks show only your own frames.

    Example:
        >>> is_traceback_filtering_enabled()
        True
    """
    return _settings["traceback_filtering"]


def filter_traceback(function: F) -> F:
    """Filter the traceback of each error that a public function raises.

    The wrapper costs one Python call. Functions that are called often use a `try`
    block with `shorten` instead, which costs nothing.
    """

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> Any:
        try:
            return function(*args, **kwargs)
        except (Exception, KeyboardInterrupt) as error:
            shorten(error)
            raise

    return cast(F, call)


def shorten(error: BaseException) -> None:
    """Remove the library's frames from an error and from the errors in its chain.

    An error about the value of a tracer gets a message for users of this library.
    Follow it with a bare `raise`, to which Python adds no frame.
    """
    explain(error)
    if not _settings["traceback_filtering"]:
        return
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        _shorten_one(error)
        if error.__cause__ is None and error.__context__ is not None:
            # Errors that the library caught internally do not help a user.
            _shorten_one(error.__context__)
            if not any(map(_is_user_frame, _entries(error.__context__))):
                error.__suppress_context__ = True
        context = None if error.__suppress_context__ else error.__context__
        error = error.__cause__ or context or error


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line of the user's program that called the library."""
    warnings.warn(message, category, stacklevel=_user_frame()[1] - 1)


def user_location() -> str:
    """Return the line of the user's program that called the library, as "file:line"."""
    frame = inspect.currentframe()
    while frame is not None and _package_of(frame) in _PACKAGES:
        frame = frame.f_back
    return "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def location_of(error: BaseException) -> str:
    """Return the innermost line of the user's program in a traceback."""
    lines = [e for e in _entries(error) if _is_user_frame(e)]
    if not lines:
        return ""
    return f"{lines[-1].tb_frame.f_code.co_filename}:{lines[-1].tb_lineno}"


def package_raising(error: BaseException) -> str:
    """Return the package of the innermost frame of a traceback, "" if it has none."""
    entries = list(_entries(error))
    return _package_of(entries[-1].tb_frame) if entries else ""


def _user_frame() -> tuple[types.FrameType | None, int]:
    """Return the innermost frame outside of the library, and its distance."""
    frame, level = inspect.currentframe(), 1
    while frame is not None and _package_of(frame) in _PACKAGES:
        frame, level = frame.f_back, level + 1
    return frame, level


def _shorten_one(error: BaseException) -> None:
    notes = getattr(error, "__notes__", [])
    notes[:] = [note for note in notes if _JAX_NOTE not in str(note)]
    kept: list[types.TracebackType] = []
    last: types.TracebackType | None = None
    user_called = True
    for entry in _entries(error):
        package = _package_of(entry.tb_frame)
        if package in _LIBRARY or (package in _HELPERS and not user_called):
            user_called = False
            last = entry if package == "lamina" else last
        else:
            user_called, last = True, None
            kept.append(entry)
    if last is not None and not _is_explained(error):
        kept.append(last)
    tb_next: types.TracebackType | None = None
    for entry in reversed(kept):
        tb_next = types.TracebackType(
            tb_next, entry.tb_frame, entry.tb_lasti, entry.tb_lineno
        )
    error.__traceback__ = tb_next


def _is_explained(error: BaseException) -> bool:
    """Return whether the message alone explains the error to a user."""
    return isinstance(error, (LaminaError, LikelyMistakeWarning, KeyboardInterrupt))


def _entries(error: BaseException) -> Iterator[types.TracebackType]:
    entry = error.__traceback__
    while entry is not None:
        yield entry
        entry = entry.tb_next


def _package_of(frame: types.FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


@functools.cache
def _library_folders() -> tuple[str, ...]:
    names = _LIBRARY | {"h5py", "numpy", "optax"}
    files = [getattr(sys.modules.get(name), "__file__", None) for name in names]
    return tuple(f"{os.path.dirname(file)}{os.sep}" for file in files if file)


def is_library_file(path: str) -> bool:
    """Return whether a file belongs to lamina, JAX or Python, not to a user."""
    if path.startswith(("<frozen", *_library_folders())):
        return True
    return path.startswith(os.path.dirname(os.__file__)) and (
        "site-packages" not in path and "dist-packages" not in path
    )


def _is_user_frame(entry: types.TracebackType) -> bool:
    return _package_of(entry.tb_frame) not in _PACKAGES
