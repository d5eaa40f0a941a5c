"""Constraints on arguments, as data.

A class lists them in `arguments`. The constructor's values are checked before
`__init__` runs, and tests read invalid values from the same list.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeGuard

import jax.numpy as jnp
import numpy as np

from lamina.errors import (
    ArgumentError,
    ArgumentTypeError,
    ShapeError,
    did_you_mean,
    invalid,
    shown,
)
from lamina.typing import DTypeLike, Initializer


class Check(NamedTuple):
    """A constraint on an argument: its description, a predicate, invalid examples."""

    expected: str
    accepts: Callable[[Any], bool]
    bad: tuple[object, ...]
    options: tuple[str, ...] = ()


def is_int(value: object) -> TypeGuard[int]:
    """Return whether a value is an integer and not a bool."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a finite real number and not a bool."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        return False
    return math.isfinite(value)


def _number(expected: str, accepts: Callable[[float], bool], *bad: object) -> Check:
    return Check(expected, lambda v: is_number(v) and accepts(v), bad)


def _integer(expected: str, accepts: Callable[[int], bool], *bad: object) -> Check:
    return Check(expected, lambda v: is_int(v) and accepts(v), bad)


number = Check("a number", is_number, ("a", None, math.nan))
positive_int = _integer("a positive integer", lambda v: v > 0, 0, -1, 2.5, "3")
positive_number = _number("a number greater than 0", lambda v: v > 0, 0, -1.0, math.nan)
fraction = _number(
    "a number from 0 up to, not including, 1", lambda v: 0 <= v < 1, -0.1, 1.0, "0.5"
)
boolean = Check(
    "True or False", lambda v: isinstance(v, (bool, np.bool_)), ("yes", 3, None)
)
dimensions = Check(
    "a tuple of positive integers, or None for a dimension of the input",
    lambda v: (
        isinstance(v, (tuple, list))
        and all(n is None or (is_int(n) and n > 0) for n in v)
    ),
    ("Invalid", (20, 1.5), (20, -1), (20, 0), 3),
)


def between(low: float, high: float) -> Check:
    """Return a check for a number from `low` to `high`, both included."""
    bad = low - 1, high + 1, "a"
    return _number(f"a number from {low} to {high}", lambda v: low <= v <= high, *bad)


def at_least(low: float) -> Check:
    """Return a check for a number of at least `low`."""
    bad = low - 1, math.nan, "a"
    return _number(f"a number of at least {low}", lambda v: v >= low, *bad)


def integer(low: int, high: int) -> Check:
    """Return a check for an integer from `low` to `high`, both included."""
    expected = f"an integer from {low:,} to {high:,}"
    bad = low - 1, high + 1, low + 0.5
    return _integer(expected, lambda v: low <= v <= high, *bad)


def one_of(*options: str) -> Check:
    """Return a check for one of several strings, in upper or lower case."""
    return Check(
        "one of " + ", ".join(repr(o) for o in options),
        lambda v: isinstance(v, str) and v.lower() in options,
        ("nonsense", 7),
        options,
    )


def optional(check: Check) -> Check:
    """Return a check that also accepts `None`."""
    return check._replace(
        expected=f"{check.expected} or None",
        accepts=lambda v: v is None or check.accepts(v),
        bad=tuple(v for v in check.bad if v is not None),
    )


def _is_plain_pattern(value: object) -> bool:
    if not isinstance(value, str) or len(value) > 200:
        return False
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError):
        return False
    repeats = re.findall(r"[*+?{]", value)
    return len(repeats) <= 2 and not re.search(r"\)[*+?{]", value)


# Nested repetition can take exponential time, and the pattern may come from a file.
patterns = Check(
    "a list of regular expressions of at most 200 characters, in which at most two "
    "characters and no brackets are repeated",
    lambda v: isinstance(v, (list, tuple)) and all(map(_is_plain_pattern, v)),
    (["(a+)+"], ["a*b*c*"], ["("], [7], 3),
)


def check_new_key(owner: str, keys: Iterable[str], key: object) -> None:
    """Check a new key of a map from paths, or patterns of paths, to values.

    Raises:
        ArgumentError: the key exists, or is not a plain regular expression.
    """
    if not patterns.accepts([key]):
        raise invalid(owner, "key", key, patterns.expected)
    if key in list(keys):
        raise ArgumentError(
            f"The {owner} already has the key {shown(key)}. Delete it first, as in "
            f"`del items[{shown(key)}]`."
        )


def matching_key(owner: str, keys: Iterable[str], path: str) -> str | None:
    """Return the key that is a path, else the one that matches it as a pattern.

    Raises:
        ArgumentError: several keys match.
    """
    keys = list(keys)
    found = [path] if path in keys else [k for k in keys if re.fullmatch(k, path)]
    if len(found) > 1:
        raise ArgumentError(
            f"The path {shown(path)} matches several keys of the {owner}: {found}. "
            "Let one key match, or add the path itself as a key."
        )
    return found[0] if found else None


def sizes(rank: int, zero: bool = False) -> Check:
    """Return a check for a positive integer or `rank` of them; `zero` also allows 0."""

    def accepts(value: object) -> bool:
        values = [value] * rank if is_int(value) else value
        if not isinstance(values, (tuple, list)) or len(values) != rank:
            return False
        return all(is_int(n) and n >= 1 - zero for n in values)

    kind = "non-negative" if zero else "positive"
    many = f" or {rank} of them" if rank > 1 else ""
    return Check(f"a {kind} integer{many}", accepts, (-1, (1,) * (rank + 1), "2"))


def check_arguments(
    owner: str, checks: Mapping[str, Check], values: Mapping[str, object]
) -> None:
    """Raise an error for the first value that its check does not accept."""
    for name, check in checks.items():
        if name in values and not check.accepts(values[name]):
            hint = did_you_mean(values[name], check.options).strip()
            raise invalid(owner, name, values[name], check.expected, hint)


def checked_shape(
    owner: str, shape: object, argument: str = "shape"
) -> tuple[int | None, ...]:
    """Return a shape as a tuple.

    Raises:
        ArgumentError: it is not a sequence of sizes or `None`.
    """
    sizes: list[Any] = list(shape) if isinstance(shape, Iterable) else [""]
    if not all(n is None or (is_int(n) and n >= 0) for n in sizes):
        raise invalid(owner, argument, shape, "a tuple of sizes or None")
    return tuple(sizes)


def check_name(owner: str, name: object) -> None:
    """Refuse a name that cannot be one printable component of a path.

    Raises:
        ArgumentError: the name has a slash or control characters, or is too long.
    """
    text = str(name)
    if "/" in text or not text.isprintable() or len(text) > 255 or text in (".", ".."):
        raise invalid(
            owner, "name", text[:300], "at most 255 printable characters without '/'"
        )


def require_dense(
    owner: str, sparse: bool | None = False, ragged: bool | None = False
) -> None:
    """Refuse a request for a sparse or ragged array.

    Raises:
        ArgumentError: `sparse` or `ragged` is true.
    """
    hints = {
        "sparse": "convert sparse data first, as in `x.toarray()`.",
        "ragged": "pad first, as in `utils.pad_sequences(rows)`.",
    }
    for name, value in (("sparse", sparse), ("ragged", ragged)):
        if value:
            hint = f"Arrays are dense: {hints[name]}"
            raise invalid(owner, name, value, "False", hint)


def initial_array(
    name: str, initializer: Initializer, shape: tuple[int, ...], dtype: DTypeLike
) -> Any:
    """Return the array that an initializer makes for a variable.

    A scalar fills the shape.

    Raises:
        ArgumentTypeError: the initializer takes other arguments, or returns None.
        ShapeError: it returns an array of another shape.
    """
    title = f"The initializer {getattr(initializer, '__name__', initializer)!r} of "
    try:
        value: Any = initializer(shape, dtype=dtype)
    except TypeError as error:
        if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
            raise  # of its own code
        raise ArgumentTypeError(
            f"{title}{name!r} is called with `shape` and `dtype`, which it does not "
            f"take: {error}. Define it with the parameters (shape, dtype=None)."
        ) from None
    if value is None:
        raise ArgumentTypeError(
            f"{title}{name!r} returned None. Let it return an array of shape {shape}."
        )
    found = tuple(np.shape(value))
    if found == shape:
        return value
    if found != ():
        raise ShapeError(
            f"{title}{name!r} returned an array of shape {found}, not {shape}. Make "
            "one of its argument `shape`."
        )
    return np.full(shape, value, jnp.dtype(dtype))


def result_for(variable: Any, kind: str, expected: str) -> Any:
    """Return the result of a variable's regularizer or constraint for its value.

    Args:
        variable: the variable, which has the function.
        kind: "regularizer" or "constraint".
        expected: describes the result, for the message.

    Raises:
        ArgumentTypeError: the function returns None.
    """
    function = getattr(variable, kind)
    result = function(variable.value)
    if result is None:
        name = getattr(function, "__name__", type(function).__name__)
        raise ArgumentTypeError(
            f"The {kind} {name!r} of {variable.path!r} returned None. Let it return "
            f"{expected}."
        )
    return result
