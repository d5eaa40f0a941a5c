"""Everything lamina raises.

    LaminaError
    ├── ArgumentError (ValueError)         an argument's value can't be used
    │   ├── UnknownNameError               a string names nothing known
    │   ├── ShapeError                     shapes or ranks do not fit together
    │   ├── MissingFileError               no file at a path (FileNotFoundError too)
    │   └── DataError                      the data handed to fit, evaluate or predict
    ├── ArgumentTypeError (TypeError)      an unknown keyword, a value of a wrong type
    ├── StateError (ValueError)            called too early: not built, not compiled
    ├── MissingMethodError (NotImplementedError)   a class lacks a method it needs
    ├── FileFormatError (ValueError)       a file that is not what it should be
    ├── DownloadError (OSError)            a file that could not be fetched
    ├── SaveError (OSError)                a file that could not be written
    └── MissingPackageError                an optional package is not installed
        (ModuleNotFoundError)

    LikelyMistakeWarning (UserWarning)     it runs, but hardly does what was meant

A message says what came, what is needed and, where it is known, the line that
mends it. The built-in parent lets code written for Keras catch what it used to.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ArgumentError",
    "ArgumentTypeError",
    "DataError",
    "DownloadError",
    "FileFormatError",
    "LaminaError",
    "LikelyMistakeWarning",
    "MissingFileError",
    "MissingMethodError",
    "MissingPackageError",
    "SaveError",
    "ShapeError",
    "StateError",
    "UnknownNameError",
    "did_you_mean",
    "invalid",
    "missing_package",
    "shown",
]


def __dir__() -> list[str]:
    return __all__


_LONGEST_MESSAGE = 10_000
_LONGEST_VALUE = 1000
_LONGEST_NAME = 200


class LaminaError(Exception):
    """Base of all errors raised by lamina.

    Args:
        message: whole sentences; what is too long for a screen is cut, and characters
            that steer a terminal are left out.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(_readable(_cut(message)))

    def __init_subclass__(cls) -> None:
        cls.__module__ = "lamina.errors"


class ArgumentError(LaminaError, ValueError):
    """An argument has a value that can't be used."""


class UnknownNameError(ArgumentError):
    """A string names no loss, layer, optimizer or other thing lamina knows."""


class ShapeError(ArgumentError):
    """Shapes or ranks do not fit together."""


class DataError(ArgumentError):
    """The data handed to `fit`, `evaluate` or `predict` can't be used."""


class MissingFileError(ArgumentError, FileNotFoundError):
    """A path where there is no file to read."""


class ArgumentTypeError(LaminaError, TypeError):
    """An unknown keyword, a missing argument or a value of a wrong type."""


class StateError(LaminaError, ValueError):
    """Something was used before it was ready: not built, not compiled."""


class MissingMethodError(LaminaError, NotImplementedError):
    """A subclass does not define a method that it must define."""


class FileFormatError(LaminaError, ValueError):
    """A file is damaged or is not of the expected format."""


class DownloadError(LaminaError, OSError):
    """A file could not be fetched from its address."""


class SaveError(LaminaError, OSError):
    """A file could not be written: no space, no rights; the old one is untouched."""


class MissingPackageError(LaminaError, ModuleNotFoundError):
    """An optional package is not installed; the message names the extra that has it."""


class LikelyMistakeWarning(UserWarning):
    """Something that can be run, but that hardly does what was meant."""


def shown(value: object) -> str:
    """The value as code, cut short if it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]} ..."


def _cut(message: str) -> str:
    """A message without its middle, if somebody's file made it too long to read."""
    if len(message) <= _LONGEST_MESSAGE:
        return message
    half = _LONGEST_MESSAGE // 2
    left_out = len(message) - 2 * half
    return f"{message[:half]} [... {left_out:,} characters ...] {message[-half:]}"


def _readable(message: str) -> str:
    """A message without what speaks to the terminal instead of the reader."""
    if message.isprintable():
        return message
    kept = (c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in message)
    return "".join(kept)


def did_you_mean(name: object, options: Iterable[str]) -> str:
    """A sentence that offers the nearest known names, or an empty string."""
    text = str(name).lower()
    if len(text) > _LONGEST_NAME:
        return ""
    known = {option.lower(): option for option in options}
    near = difflib.get_close_matches(text, known, n=2, cutoff=0.6)
    if not near:
        return ""
    return f" Did you mean {' or '.join(repr(known[n]) for n in near)}?"


def invalid(
    owner: str, argument: str, got: object, expected: str, hint: str = ""
) -> ArgumentError:
    """The error for an argument whose value can't be used."""
    text = (
        f"{owner}: `{argument}` must be {expected}. Received: {argument}={shown(got)}."
    )
    return ArgumentError(f"{text} {hint}".rstrip())


def missing_package(package: str, purpose: str, extra: str) -> MissingPackageError:
    """The error for an optional package that is not installed."""
    return MissingPackageError(
        f"{package} is not installed, and it is needed for {purpose}. Install it with "
        f"`pip install 'lamina[{extra}]'`."
    )
