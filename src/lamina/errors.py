"""Exceptions and warnings of lamina.

    LaminaError
    ├── ArgumentError (ValueError)         an argument's value is not valid
    │   ├── UnknownNameError               a name is unknown
    │   ├── ShapeError                     shapes or ranks do not fit together
    │   │   └── OperandShapeError          those of an op's operands (TypeError too)
    │   ├── MissingFileError               no file at a path (FileNotFoundError too)
    │   └── DataError                      invalid data for fit, evaluate or predict
    ├── ArgumentTypeError                  an unknown keyword, a value of a wrong type
    │   (TypeError and ValueError)
    ├── StateError (ValueError)            an object is not ready: not built or compiled
    │   └── MissingAttributeError          it has no such attribute yet (AttributeError)
    ├── MissingMethodError (NotImplementedError)   a class lacks a method it needs
    ├── FileFormatError (ValueError)       a file is damaged or of another format
    ├── DownloadError (OSError)            a file could not be downloaded
    ├── SaveError (OSError)                a file could not be written
    └── MissingPackageError                an optional package is not installed
        (ModuleNotFoundError)

    LikelyMistakeWarning (UserWarning)     code that runs but is probably wrong
    └── AdviceWarning                      right code that could train better

A message says what was received, what is needed and, if known, the line that fixes
it. The built-in base classes let code written for Keras catch the same exceptions.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

__all__ = [
    "AdviceWarning",
    "ArgumentError",
    "ArgumentTypeError",
    "DataError",
    "DownloadError",
    "FileFormatError",
    "LaminaError",
    "LikelyMistakeWarning",
    "MissingAttributeError",
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
        code: name of the mistake, as `model.check` and `lamina check` report it; by
            default that of the class, such as "shape-error".
        where: line of the program to change, as "file:line", if it is another one than
            that which raises.

    Example:
        >>> try:
        ...     lamina.layers.Dense(-1)
        ... except LaminaError as error:
        ...     print(error)
        Dense: `units` must be a positive integer. Received: units=-1.
    """

    code: str

    def __init__(self, message: str = "", code: str = "", where: str = "") -> None:
        super().__init__(_printable(_shorten(message)))
        self.code, self.where = code or type(self).code, where

    def __init_subclass__(cls) -> None:
        cls.__module__ = "lamina.errors"
        cls.code = re.sub("(?<!^)(?=[A-Z])", "-", cls.__name__).lower()


class ArgumentError(LaminaError, ValueError):
    """An argument has a value that is not valid.

    Example:
        >>> lamina.layers.Dense(-1)
        Traceback (most recent call last):
            ...
        lamina.errors.ArgumentError: Dense: `units` must be a positive integer. ...
    """


class UnknownNameError(ArgumentError):
    """A string is not the name of a loss, layer, optimizer or other known object.

    Example:
        >>> lamina.losses.get("mean_sqared_error")
        Traceback (most recent call last):
            ...
        lamina.errors.UnknownNameError: Unknown loss: 'mean_sqared_error'. Did you ...
    """


class ShapeError(ArgumentError):
    """Shapes or ranks do not fit together.

    Example:
        >>> lamina.ops.cdist(jnp.ones((2, 3)), jnp.ones((2, 4)))
        Traceback (most recent call last):
            ...
        lamina.errors.ShapeError: cdist: `x` and `y` must have the shapes (..., n, ...
    """


class OperandShapeError(ShapeError, TypeError):
    """Shapes of an op's operands do not fit together, found while a model is built.

    JAX raises TypeError for such arrays.

    Example:
        >>> lamina.Input((3,)) + lamina.Input((4,))
        Traceback (most recent call last):
            ...
        lamina.errors.OperandShapeError: add got incompatible shapes for ...
    """


class DataError(ArgumentError):
    """Data passed to `fit`, `evaluate` or `predict` is not valid.

    Example:
        >>> model = lamina.Sequential([lamina.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> model.fit(jnp.ones((4, 2)), jnp.ones((3, 1)), verbose=0)
        Traceback (most recent call last):
            ...
        lamina.errors.DataError: x has 4 rows, but y has 3. Each row of x needs one.
    """


class MissingFileError(ArgumentError, FileNotFoundError):
    """A file does not exist.

    Example:
        >>> lamina.saving.load_model("missing.keras")
        Traceback (most recent call last):
            ...
        lamina.errors.MissingFileError: No such file: 'missing.keras'.
    """


class ArgumentTypeError(LaminaError, TypeError, ValueError):
    """An unknown keyword, a missing argument or a value of a wrong type.

    Example:
        >>> lamina.layers.Dense(3, unit=4)
        Traceback (most recent call last):
            ...
        lamina.errors.ArgumentTypeError: Dense has no argument 'unit'. Did you mean ...
    """


class StateError(LaminaError, ValueError):
    """An object was used before it was ready: not built, not compiled.

    Example:
        >>> model = lamina.Sequential([lamina.layers.Dense(1)])
        >>> model.fit(jnp.ones((4, 2)), jnp.ones((4, 1)))
        Traceback (most recent call last):
            ...
        lamina.errors.StateError: Call `compile()` before `fit()`, for example: ...
    """


class MissingAttributeError(StateError, AttributeError):
    """An attribute does not exist before an object is built or called.

    Example:
        >>> hasattr(lamina.Sequential(), "output_shape")
        False
        >>> lamina.layers.Dense(1, name="last").output
        Traceback (most recent call last):
            ...
        lamina.errors.MissingAttributeError: Layer 'last' has not been called ...
    """


class MissingMethodError(LaminaError, NotImplementedError):
    """A subclass does not define a method that it must define.

    Example:
        >>> lamina.layers.Layer()(jnp.ones(3))
        Traceback (most recent call last):
            ...
        lamina.errors.MissingMethodError: Layer has no `call` method. Define ...
    """


class FileFormatError(LaminaError, ValueError):
    """A file is damaged or is not of the expected format.

    Example:
        >>> config = {"class_name": "Denze", "config": {}}
        >>> lamina.saving.deserialize_keras_object(config)
        Traceback (most recent call last):
            ...
        lamina.errors.FileFormatError: The config names 'Denze', which ...
    """


class DownloadError(LaminaError, OSError):
    """A file could not be downloaded.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     lamina.utils.get_file("a", "http://localhost:1/a.h5", cache_dir=folder)
        Traceback (most recent call last):
            ...
        lamina.errors.DownloadError: Could not download http://localhost:1/a.h5: ...
    """


class SaveError(LaminaError, OSError):
    """A file could not be written; an existing file is unchanged.

    Example:
        >>> model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
        >>> model.save("/dev/null/model.keras")
        Traceback (most recent call last):
            ...
        lamina.errors.SaveError: '/dev/null/model.keras' was not written: ...
    """


class MissingPackageError(LaminaError, ModuleNotFoundError):
    """An optional package is not installed; the message names the extra to install.

    Example:
        >>> raise missing_package("rich", "tables", "rich")
        Traceback (most recent call last):
            ...
        lamina.errors.MissingPackageError: rich is not installed, and it is needed ...
    """


class LikelyMistakeWarning(UserWarning):
    """Code that runs, but is probably not what was intended.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore", LikelyMistakeWarning)
        ...     lamina.ops.softmax([[5.0]]).tolist()
        [[1.0]]
    """


class AdviceWarning(LikelyMistakeWarning):
    """Code that is right, but would probably train better in another form.

    Example:
        >>> import warnings
        >>> warnings.simplefilter("ignore", AdviceWarning)
    """


def shown(value: object) -> str:
    """Return the `repr` of a value, shortened if it is long.

    Example:
        >>> shown([1, 2]), len(shown("a" * 5000))
        ('[1, 2]', 1004)
    """
    if getattr(value, "ndim", 0) and hasattr(value, "dtype"):
        return f"<{type(value).__name__} of shape {getattr(value, 'shape', ())}>"
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
    """Return a sentence with the nearest known names, or an empty string.

    Example:
        >>> did_you_mean("sofmax", ["relu", "softmax"])
        " Did you mean 'softmax'?"
    """
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
    """Return the error for an argument whose value is not valid.

    Example:
        >>> print(invalid("Dense", "units", -1, "a positive integer"))
        Dense: `units` must be a positive integer. Received: units=-1.
    """
    text = (
        f"{owner}: `{argument}` must be {expected}. Received: {argument}={shown(got)}."
    )
    return ArgumentError(f"{text} {hint}".rstrip())


def missing_package(package: str, purpose: str, extra: str) -> MissingPackageError:
    """Return the error for an optional package that is not installed.

    Example:
        >>> print(missing_package("rich", "tables", "rich"))
        rich is not installed, and it is needed for tables. Install it with ...
    """
    return MissingPackageError(
        f"{package} is not installed, and it is needed for {purpose}. Install it with "
        f"`pip install 'lamina[{extra}]'`."
    )
