"""Bounds on what an untrusted config may cost.

Objects are made from a config inside `untrusted_config`. It checks the size of the
config first, counts the cost of building from it, and turns every failure into an
error of lamina's: a damaged config may make a constructor raise anything.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import jax.numpy as jnp

from lamina import config as settings
from lamina.core.scope import local
from lamina.errors import FileFormatError, LaminaError, ShapeError

__all__ = [
    "Budget",
    "BoundedReader",
    "check_config",
    "check_count",
    "check_output",
    "check_size",
    "readable_size",
    "untrusted_config",
]

# Far above what models need: the largest of Keras's applications have 1,200 layers,
# nested three deep, and the longest vocabularies a million words.
MAX_DEPTH = 100
MAX_VALUES = 4_000_000
MAX_OBJECTS = 100_000
MAX_INTEGER = 2**64
# NumPy takes hundreds of times as much to find that a text is no number.
MAX_TEXT = 100_000
# Each output of one call is traced by itself.
MAX_OUTPUTS = 10_000
# JAX makes an array of each number in a list that an op is called with.
MAX_ARGUMENTS = 100_000

# Arrays of NumPy have no more; an op on one takes time for each.
MAX_DIMENSIONS = 64

# Building a model calls each layer three times, and twice more for each model around
# it. Only what is made of the config allows further calls, so that a text takes time
# in proportion to its length, whatever calls what in it.
_CALLS_AT_LEAST = 500
_CALLS_PER_LAYER = 20
_CALLS_PER_USERS_LAYER = 5_000  # whose `call` may have loops and layers of its own
_CALLS_AT_MOST = 50_000
# Conversion of so many arguments takes about as long as one call.
_VALUES_PER_CALL = 16


def readable_size(size: int) -> str:
    """A number of bytes as people say it: `"1.5 GiB"`."""
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >= 2**power:
            return f"{size / 2**power:,.1f} {unit}"
    return f"{size} bytes"


def size_of(shape: Sequence[int], dtype: Any) -> int:
    """How many bytes an array takes."""
    return math.prod(int(n) for n in shape) * jnp.dtype(dtype).itemsize


def check_size(name: str, shape: Sequence[int], dtype: Any) -> None:
    """Refuse a variable that the machine has no memory for, before it is made.

    Raises:
        ShapeError: it is larger than `config.memory_limit()`, or, while a config is
            read, than what is left of its budget.
    """
    size = size_of(shape, dtype)
    if local.call is not None:
        name = "/".join((*local.call.path, name))
    if size > settings.memory_limit():
        raise ShapeError(
            f"Variable {name!r} of shape {tuple(shape)} would take "
            f"{readable_size(size)}, and the limit is "
            f"{readable_size(settings.memory_limit())}, the memory of this machine. "
            "Is one of the sizes a mistake? If not, and there is room, call "
            "`lamina.config.set_memory_limit(bytes)`."
        )
    if local.budget is not None:
        local.budget.take(name, size)


def check_output(name: str, shape: Sequence[int | None], dtype: Any) -> None:
    """Refuse a call whose result the machine has no memory for, even of one row.

    Raises:
        ShapeError: it is larger than `config.memory_limit()`, or has more than 64
            dimensions.
    """
    if len(shape) > MAX_DIMENSIONS:
        raise ShapeError(
            f"{name!r} would be an array of {len(shape):,} dimensions; arrays have at "
            f"most {MAX_DIMENSIONS}."
        )
    count = math.prod(1 if n is None else n for n in shape)
    size = count if dtype == "string" else count * jnp.dtype(dtype).itemsize
    if size > settings.memory_limit():
        raise ShapeError(
            f"{name!r} would be an array of shape {tuple(shape)}: "
            f"{readable_size(size)}, counting unknown sizes as 1, and the limit is "
            f"{readable_size(settings.memory_limit())}, the memory of this machine. "
            "Is one of the sizes a mistake? If not, and there is room, call "
            "`lamina.config.set_memory_limit(bytes)`."
        )


def check_count(name: str, count: int) -> None:
    """Refuse a call that would return more arrays than can be handled one by one.

    Raises:
        ShapeError: there are more than 10,000.
    """
    if count > MAX_OUTPUTS:
        raise ShapeError(
            f"{name} would return {count:,} arrays; at most {MAX_OUTPUTS:,} are made."
        )


class BoundedReader(io.BufferedIOBase):
    """A file of which nobody takes much at once.

    Python's libraries for archives read a directory or a header whole, of whatever
    size the file says that it has.

    Args:
        file: open for reading, in binary.
        most: how many bytes a reader may ask for.
    """

    def __init__(self, file: IO[bytes], most: int = 2**22) -> None:
        self.file, self.most = file, most

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes, all of them by default.

        Raises:
            FileFormatError: there are too many.
        """
        too_many = self.most + 1
        wanted = too_many if size is None or size < 0 else min(size, too_many)
        data = self.file.read(wanted)
        if len(data) > self.most:
            raise FileFormatError(
                "The archive has a directory, or a header, of more than "
                f"{readable_size(self.most)}."
            )
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        """The place."""
        return self.file.tell()

    def seekable(self) -> bool:
        """Whether there is a way back."""
        return True


class Budget:
    """What building from a config may still cost.

    Args:
        size: bytes of all variables together.
        reason: where `size` comes from, for the message.
    """

    def __init__(self, size: int, reason: str) -> None:
        self.size, self.reason = size, reason
        self.calls, self.allowed_calls = 0, _CALLS_AT_LEAST
        # What stands in the config several times, by its number there.
        self.shared: dict[int, Any] = {}

    def take(self, name: str, size: int) -> None:
        """Count a variable."""
        self.size -= size
        if self.size < 0:
            raise FileFormatError(
                f"The config asks for too large a model: with variable {name!r} of "
                f"{readable_size(size)} it takes more than {self.reason}."
            )

    def allow_layer(self, is_users: bool) -> None:
        """Allow the calls that building a layer needs."""
        calls = _CALLS_PER_USERS_LAYER if is_users else _CALLS_PER_LAYER
        self.allowed_calls = min(self.allowed_calls + calls, _CALLS_AT_MOST)

    def allow_calls(self, recorded: int, values: int) -> None:
        """Allow what the calls that a config has, on this many values, need."""
        calls = (recorded + values // _VALUES_PER_CALL) * _CALLS_PER_LAYER
        self.allowed_calls = min(self.allowed_calls + calls, _CALLS_AT_MOST)

    def take_calls(self, calls: int, values: int = 0) -> None:
        """Count calls of layers and functions, and the values they take and return."""
        self.calls += calls + values // _VALUES_PER_CALL
        if self.calls > self.allowed_calls:
            raise FileFormatError(
                "The config describes a model that calls its layers far more often "
                f"than it has layers: more than {self.allowed_calls:,} calls while it "
                "is built. Are there models inside it that call each other again and "
                "again? If not, build the model in your program and call "
                "`model.load_weights(file)`."
            )


@contextmanager
def untrusted_config(
    config: Any, what: str = "The config", size: int | None = None, reason: str = ""
) -> Iterator[None]:
    """Inside this block, objects are made of a config that nobody has looked into.

    A block inside another one is part of it, unless it reads a file of its own.

    Args:
        config: the whole config.
        what: the beginning of messages.
        size: bytes that variables of a file may take; without one,
            `config.memory_limit()`.
        reason: where `size` comes from.

    Raises:
        FileFormatError: the config is out of bounds, or making objects of it failed
            with an error that is not lamina's own.
    """
    before = local.budget
    if before is not None and size is None:
        yield
        return
    check_config(config, what)
    if size is None:
        size = settings.memory_limit()
        reason = f"the limit of {readable_size(size)}, the memory of this machine"
    local.budget = Budget(size, reason)
    try:
        yield
    except LaminaError:
        raise
    except Exception as error:
        raise FileFormatError(
            f"{what} can't be used; it is damaged, or needs something that is not "
            f"here. Making objects of it ended with {type(error).__name__}: {error}"
        ) from error
    finally:
        local.budget = before


def check_config(
    config: Any, what: str = "The config", longest: int = MAX_TEXT
) -> None:
    """Refuse a config that is too deep or too large.

    Args:
        config: dictionaries, lists and plain values.
        what: the beginning of messages.
        longest: how many characters a text may have.

    Raises:
        FileFormatError: it is out of bounds, or contains itself.
    """
    values = objects = 0
    level = [config]
    depth = 0
    while level:
        values += len(level)
        depth += 1
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                objects += "class_name" in value
                inner.extend(value.values())
                _require_short(value, what, longest)
            elif isinstance(value, (list, tuple)):
                inner.extend(value)
            elif isinstance(value, int) and abs(value) > MAX_INTEGER:
                raise FileFormatError(f"{what} holds an integer above 2**64.")
            elif isinstance(value, str) and len(value) > longest:
                _require_short([value], what, longest)
            if values + len(inner) > MAX_VALUES:
                raise FileFormatError(f"{what} holds more than {MAX_VALUES:,} values.")
        if inner and depth == MAX_DEPTH:
            raise FileFormatError(
                f"{what} has lists and dictionaries in each other more than "
                f"{MAX_DEPTH} deep, or one that contains itself."
            )
        level = inner
    if objects > MAX_OBJECTS:
        raise FileFormatError(
            f"{what} describes {objects:,} objects; at most {MAX_OBJECTS:,} are read."
        )


def _require_short(texts: Iterable[Any], what: str, longest: int) -> None:
    for text in texts:
        if isinstance(text, str) and len(text) > longest:
            raise FileFormatError(
                f"{what} holds a text of {len(text):,} characters; at most "
                f"{longest:,} are read."
            )
