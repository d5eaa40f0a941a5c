"""Sizes of unknown dimensions, and the comparison of two evaluations.

Whatever differs between evaluations at two sizes depends on unknown dimensions, and is
written as `None`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice, zip_longest
from typing import Any, TypeAlias

from lamina.errors import OperandShapeError
from lamina.typing import PartialShape

# Both are divisible by small numbers, so that pooling, strides and reshaping of an
# unknown dimension work as with a real one.
PROBES = (960, 1920)
# For calls that fail at those, such as slices of a table of few positions.
SMALL_PROBES = ((60, 120), (6, 12), (2, 4))

# A word, or a number with commas, which is not a size.
_WORD = re.compile(r"(\d+(?:,\d{3})+(?:\.\d+)?|\w+)")
_SHAPE_WORDS = re.compile("shape|dimension|rank")

# Maximum attempts to infer shapes with sizes of other tensors.
_MAX_ATTEMPTS = 32

# Sizes of unknown dimensions, by the tensor's `id` and the axis.
Sizes: TypeAlias = dict[tuple[int, int], int]


def candidate_sizes(
    shapes: Mapping[int, PartialShape], arguments: Sequence[int]
) -> Iterator[Sizes]:
    """Yield sizes for unknown dimensions, from known ones of the other tensors.

    Axes are paired from the last one, as in broadcasting, then from the first. The
    candidates set one dimension, then all, then several, so that as few as possible
    become known.

    Args:
        shapes: the shapes of all tensors of a call, by `id`.
        arguments: other candidates: integers that the call was passed, such as those
            of a new shape.
    """
    # Of each unknown dimension: the size paired from the last axis, the size paired
    # from the first axis, and all sizes.
    options: dict[tuple[int, int], list[int | None]] = {}
    for key, shape in shapes.items():
        others = [other for k, other in shapes.items() if k != key]
        known = dict.fromkeys([n for other in others for n in other] + [*arguments])
        for axis, size in enumerate(shape):
            if size is None:
                paired = [_paired_size(others, i) for i in (axis - len(shape), axis)]
                options[key, axis] = [*paired, *known]
    choices = [
        {key: size for key, size in zip(options, sizes, strict=True) if size}
        for sizes in zip_longest(*options.values())
    ]
    return islice(_combinations(choices, len(options)), _MAX_ATTEMPTS)


def _combinations(choices: Sequence[Sizes], total: int) -> Iterator[Sizes]:
    for choice in choices:
        yield from ({key: size} for key, size in choice.items())
    for count in (total, *range(2, total)):
        for choice in choices if count == total else choices[:2]:
            yield from map(dict, combinations(choice.items(), count))


def _paired_size(shapes: Sequence[PartialShape], axis: int) -> int | None:
    """Return the first size at an axis that is known and not 1."""
    sizes = (s[axis] for s in shapes if -len(s) <= axis < len(s))
    return next((n for n in sizes if n is not None and n != 1), None)


def merged_shape(specs: Sequence[Any]) -> tuple[int | None, ...]:
    """Return the shape of evaluations at different sizes, `None` where they differ."""
    sizes = zip(*(spec.shape for spec in specs), strict=True)
    return tuple(some[0] if len(set(some)) == 1 else None for some in sizes)


def hide_unknown_sizes(error: Exception, other: Exception) -> None:
    """Write `None` for numbers in an error that differ in the error at another size."""
    error.args = _merged_texts(error.args, other.args)
    notes = getattr(error, "__notes__", [])
    # JAX may have added a note of its own to the other one.
    notes[:] = _merged_texts(notes, getattr(other, "__notes__", [])[: len(notes)])


def is_shape_error(error: Exception) -> bool:
    """Return whether JAX refuses shapes, which are TypeErrors like wrong types."""
    return type(error) is TypeError and bool(_SHAPE_WORDS.search(str(error)))


def sizes_in_error(error: Exception) -> list[int]:
    """Return the known sizes that an error about shapes has in its message."""
    if not is_shape_error(error):
        return []
    shapes = re.findall(r"\(([\d, ]+)\)", str(error))
    numbers = [int(n) for shape in shapes for n in re.findall(r"\d+", shape)]
    return [n for n in dict.fromkeys(numbers) if n > 1 and n % PROBES[0]]


def operand_shape_error(error: Exception) -> OperandShapeError:
    """Return the error of lamina for one of JAX, with its traceback and notes."""
    found = OperandShapeError(str(error)).with_traceback(error.__traceback__)
    for note in getattr(error, "__notes__", ()):
        found.add_note(note)
    return found


def _merged_texts(texts: Sequence[Any], others: Sequence[Any]) -> tuple[Any, ...]:
    if len(texts) != len(others):
        return tuple(texts)
    pairs = zip(texts, others, strict=True)
    return tuple(_merged_text(a, b) if isinstance(a, str) else a for a, b in pairs)


def _merged_text(text: str, other: object) -> str:
    words, twins = (re.split(_WORD, str(t)) for t in (text, other))
    if len(words) != len(twins):
        return text
    return "".join(
        "None" if word != twin and word.isdigit() else word
        for word, twin in zip(words, twins, strict=True)
    )
