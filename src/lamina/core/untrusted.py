"""Bounds on the cost of untrusted configs.

Objects are made from a config inside `untrusted_config`. It checks the size of the
config, counts the cost of building from it, and converts all exceptions to lamina's
errors: a damaged config may make a constructor raise anything.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import jax.numpy as jnp

from lamina import config as settings
from lamina.core.budget import Budget, readable_size
from lamina.core.scope import local, override
from lamina.errors import FileFormatError, LaminaError, ShapeError
from lamina.typing import DTypeLike

# Far above the needs of models: the largest of Keras's applications have 1,200 layers,
# nested three deep, and the longest vocabularies a million words.
MAX_DEPTH = 100
MAX_VALUES = 4_000_000
MAX_OBJECTS = 100_000
MAX_INTEGER = 2**64
# NumPy takes hundreds of times as much memory to reject a string that is not a number.
MAX_TEXT = 100_000
# Each output of one call is traced separately.
MAX_OUTPUTS = 10_000
# JAX makes an array of each number in a list argument of an op.
MAX_ARGUMENTS = 100_000
# NumPy's limit is the same.
MAX_DIMENSIONS = 64


def size_of(shape: Sequence[int], dtype: DTypeLike) -> int:
    """Return the size of an array in bytes."""
    return math.prod(int(n) for n in shape) * jnp.dtype(dtype).itemsize


def check_size(name: str, shape: Sequence[int], dtype: DTypeLike) -> None:
    """Refuse a variable that exceeds the machine's memory, before it is allocated.

    Raises:
        ShapeError: the variable is larger than `config.memory_limit()`.
        FileFormatError: it exceeds the budget of the config that is being read.
    """
    size = size_of(shape, dtype)
    if local.call is not None:
        name = "/".join((*local.call.path, name))
    text = f"Variable {name!r} of shape {tuple(shape)} would take {readable_size(size)}"
    require_memory(size, text)
    if local.budget is not None:
        local.budget.take(name, size)


def check_output(name: str, shape: Sequence[int | None], dtype: DTypeLike) -> None:
    """Refuse a call whose result exceeds the machine's memory even for one row.

    Raises:
        ShapeError: the result is larger than `config.memory_limit()`, or has more
            than 64 dimensions.
    """
    if len(shape) > MAX_DIMENSIONS:
        text = f"{name!r} would be an array of {len(shape):,} dimensions"
        raise ShapeError(f"{text}; arrays have at most {MAX_DIMENSIONS}.")
    count = math.prod(1 if n is None else n for n in shape)
    size = count if dtype == "string" else count * jnp.dtype(dtype).itemsize
    text = f"{name!r} would be an array of shape {tuple(shape)}: {readable_size(size)}"
    require_memory(size, f"{text}, counting unknown sizes as 1")


def require_memory(size: int, text: str, error: type[LaminaError] = ShapeError) -> None:
    """Raise an error that begins with `text` if a size exceeds the memory limit."""
    limit = settings.memory_limit()
    if size > limit:
        raise error(
            f"{text}. The limit is {readable_size(limit)}, by default the memory of "
            "this machine. Check the sizes. If they are right, raise the limit: "
            "`lamina.config.set_memory_limit(bytes)`."
        )


def check_count(name: str, count: int) -> None:
    """Refuse a call that would return too many arrays.

    Raises:
        ShapeError: `count` is above 10,000.
    """
    if count > MAX_OUTPUTS:
        raise ShapeError(
            f"{name} would return {count:,} arrays. The limit is {MAX_OUTPUTS:,}."
        )


class BoundedReader(io.BufferedIOBase):
    """A binary file that limits the size of each read.

    Python's archive modules read a directory or a header at once, with whatever size
    the file declares.

    Args:
        file: open for reading, in binary.
        most: maximum bytes of one read.
    """

    def __init__(self, file: IO[bytes], most: int = 2**22) -> None:
        self.file, self.most = file, most

    def read(self, size: int | None = -1, /) -> bytes:
        """Read the next bytes, by default all of them.

        Raises:
            FileFormatError: they are more than `most`.
        """
        limit = self.most + 1
        data = self.file.read(limit if size is None or size < 0 else min(size, limit))
        if len(data) > self.most:
            raise FileFormatError(
                "The archive has a directory or a header of more than "
                f"{readable_size(self.most)}, the maximum."
            )
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to a position and return it."""
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self.file.tell()

    def seekable(self) -> bool:
        """Return True: zipfile and tarfile need a seekable file."""
        return True


@contextmanager
def untrusted_config(
    config: object, what: str = "The config", size: int | None = None, reason: str = ""
) -> Iterator[None]:
    """Bound the cost of making objects from an untrusted config in this block.

    A nested block shares the budget of the outer one, unless it has a `size`.

    Args:
        config: the whole config.
        what: the subject of error messages.
        size: maximum bytes of variables; without one, `config.memory_limit()`.
        reason: where `size` comes from.

    Raises:
        FileFormatError: the config is out of bounds, or making objects from it raised
            an exception that is not one of lamina's.
    """
    if local.budget is not None and size is None:
        yield
        return
    check_config(config, what)
    if size is None:
        size = settings.memory_limit()
        limit = readable_size(size)
        reason = f"the limit of {limit}, by default the memory of this machine"
    try:
        with override(budget=Budget(size, reason)):
            yield
    except LaminaError:
        raise
    except Exception as error:
        raise FileFormatError(
            f"{what} cannot be used: it is damaged, needs a class or package that is "
            "missing, or lacks an argument that `get_config` should return. Reading it "
            f"raised {type(error).__name__}: {error}"
        ) from error


def check_config(config: object, what: str, longest: int = MAX_TEXT) -> None:
    """Refuse a config that is too deep or too large.

    Args:
        config: dictionaries, lists and plain values.
        what: the subject of error messages.
        longest: maximum length of a string.

    Raises:
        FileFormatError: the config is out of bounds, or contains itself.
    """
    values = objects = depth = 0
    level: list[Any] = [config]
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
                raise FileFormatError(f"{what} has an integer above 2**64.")
            elif isinstance(value, str) and len(value) > longest:
                _require_short([value], what, longest)
            if values + len(inner) > MAX_VALUES:
                raise FileFormatError(f"{what} has more than {MAX_VALUES:,} values.")
        if inner and depth == MAX_DEPTH:
            raise FileFormatError(
                f"{what} nests lists and dictionaries more than {MAX_DEPTH} deep, or "
                "contains itself."
            )
        level = inner
    if objects > MAX_OBJECTS:
        raise FileFormatError(
            f"{what} describes {objects:,} objects. The limit is {MAX_OBJECTS:,}."
        )


def _require_short(texts: Iterable[Any], what: str, longest: int) -> None:
    for text in texts:
        if isinstance(text, str) and len(text) > longest:
            raise FileFormatError(
                f"{what} has a string of {len(text):,} characters. The limit is "
                f"{longest:,}."
            )
