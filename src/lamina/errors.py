"""Exceptions and warnings of lamina.

    LaminaError
    ├── ArgumentError (ValueError)         an argument's value is not valid
    │   ├── UnknownNameError               a name is unknown
    │   ├── ShapeError                     shapes or ranks do not fit together
    │   │   └── OperandShapeError          those of an op's operands (TypeError too)
    │   ├── MissingFileError               no file at a path (FileNotFoundError too)
    │   └── DataError                      invalid data for fit, evaluate or predict
    ├── ArgumentTypeError (TypeError)      an unknown keyword, a value of a wrong type
    ├── StateError (ValueError)            an object is not ready: not built or compiled
    ├── MissingMethodError (NotImplementedError)   a class lacks a method it needs
    ├── FileFormatError (ValueError)       a file is damaged or of another format
    ├── DownloadError (OSError)            a file could not be downloaded
    ├── SaveError (OSError)                a file could not be written
    └── MissingPackageError                an optional package is not installed
        (ModuleNotFoundError)

    LikelyMistakeWarning (UserWarning)     code that runs but is probably wrong

A message says what was received, what is needed and, if known, the line that fixes
it. The built-in base classes let code written for Keras catch the same exceptions.
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
    "OperandShapeError",
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


_MAX_MESSAGE = 10_000
_MAX_VALUE = 1000
_MAX_NAME = 200


class LaminaError(Exception):
    """Base of all errors raised by lamina.

    Args:
        message: full sentences. Very long messages are shortened, and control
            characters escaped.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(_printable(_shorten(message)))

    def __init_subclass__(cls) -> None:
        cls.__module__ = "lamina.errors"


class ArgumentError(LaminaError, ValueError):
    """An argument has a value that is not valid."""


class UnknownNameError(ArgumentError):
    """A string is not the name of a loss, layer, optimizer or other known object."""


class ShapeError(ArgumentError):
    """Shapes or ranks do not fit together."""


class OperandShapeError(ShapeError, TypeError):
    """Shapes of an op's operands do not fit together, found while a model is built.

    JAX raises TypeError for such arrays.
    """


class DataError(ArgumentError):
    """Data passed to `fit`, `evaluate` or `predict` is not valid."""


class MissingFileError(ArgumentError, FileNotFoundError):
    """A file does not exist."""


class ArgumentTypeError(LaminaError, TypeError):
    """An unknown keyword, a missing argument or a value of a wrong type."""


class StateError(LaminaError, ValueError):
    """An object was used before it was ready: not built, not compiled."""


class MissingMethodError(LaminaError, NotImplementedError):
    """A subclass does not define a method that it must define."""


class FileFormatError(LaminaError, ValueError):
    """A file is damaged or is not of the expected format."""


class DownloadError(LaminaError, OSError):
    """A file could not be downloaded."""


class SaveError(LaminaError, OSError):
    """A file could not be written; an existing file is unchanged."""


class MissingPackageError(LaminaError, ModuleNotFoundError):
    """An optional package is not installed; the message names the extra to install."""


class LikelyMistakeWarning(UserWarning):
    """Code that runs, but is probably not what was intended."""


def shown(value: object) -> str:
    """Return the `repr` of a value, shortened if it is long."""
    text = repr(value)
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]} ..."


def _shorten(message: str) -> str:
    """Omit the middle of a message that is too long, as values from files can be."""
    if len(message) <= _MAX_MESSAGE:
        return message
    half = _MAX_MESSAGE // 2
    omitted = len(message) - 2 * half
    return f"{message[:half]} [... {omitted:,} characters ...] {message[-half:]}"


def _printable(message: str) -> str:
    """Escape control characters, which a terminal would interpret."""
    if message.isprintable():
        return message
    return "".join(
        c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in message
    )


def did_you_mean(name: object, options: Iterable[str]) -> str:
    """Return a sentence with the nearest known names, or an empty string."""
    text = str(name).lower()
    if len(text) > _MAX_NAME:
        return ""
    known = {option.lower(): option for option in options}
    near = difflib.get_close_matches(text, known, n=2, cutoff=0.6)
    if not near:
        return ""
    return f" Did you mean {' or '.join(repr(known[n]) for n in near)}?"


def invalid(
    owner: str, argument: str, got: object, expected: str, hint: str = ""
) -> ArgumentError:
    """Return the error for an argument whose value is not valid."""
    text = (
        f"{owner}: `{argument}` must be {expected}. Received: {argument}={shown(got)}."
    )
    return ArgumentError(f"{text} {hint}".rstrip())


def missing_package(package: str, purpose: str, extra: str) -> MissingPackageError:
    """Return the error for an optional package that is not installed."""
    return MissingPackageError(
        f"{package} is not installed, and it is needed for {purpose}. Install it with "
        f"`pip install 'lamina[{extra}]'`."
    )
