"""Nested lists, tuples and dictionaries, as Keras has them under `keras.tree`.

A leaf is whatever is none of these, `None` included. Dictionaries are gone through in
the order of their keys, an `OrderedDict` in its own.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from lamina.errors import ArgumentError

__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]


def __dir__() -> list[str]:
    return __all__


class MAP_TO_NONE:
    """What a function given to `traverse` returns for `None`."""


def is_nested(structure: Any) -> bool:
    """Whether a value is a list, a tuple or a dictionary.

    Args:
        structure: any value.
    """
    return isinstance(structure, (list, tuple)) or type(structure) in (
        dict, OrderedDict, defaultdict,
    )  # fmt: skip


def _entries(structure: Any) -> list[tuple[Any, Any]]:
    """What a list, tuple or dictionary holds, with keys, in order."""
    if not isinstance(structure, dict):
        return list(enumerate(structure))
    if isinstance(structure, OrderedDict):
        return list(structure.items())
    try:
        return sorted(structure.items(), key=lambda item: item[0])
    except TypeError:  # keys of different kinds have no order
        return list(structure.items())


def _like(structure: Any, values: Iterable[Any]) -> Any:
    """Values in the order of `_entries`, held as in a list, tuple or dictionary."""
    if isinstance(structure, dict):
        keys = [key for key, _ in _entries(structure)]
        found = dict(zip(keys, values, strict=True))
        new = structure.copy()
        new.update({key: found[key] for key in structure})
        return new
    if hasattr(structure, "_fields"):
        return type(structure)(*values)
    return type(structure)(values)


def _leaves(structure: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, Any]]:
    if not is_nested(structure):
        yield path, structure
        return
    for key, value in _entries(structure):
        yield from _leaves(value, (*path, key))


def flatten(structure: Any) -> list[Any]:
    """The leaves in order; of a leaf, itself.

    Args:
        structure: nested lists, tuples and dictionaries.

    Example:
        >>> flatten({"b": [1, (2, None)], "a": 3})
        [3, 1, 2, None]
    """
    return [leaf for _, leaf in _leaves(structure)]


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """The same, each leaf with the keys and numbers that lead to it.

    Args:
        structure: nested lists, tuples and dictionaries.

    Example:
        >>> flatten_with_path({"a": [1, 2]})
        [(('a', 0), 1), (('a', 1), 2)]
    """
    return list(_leaves(structure))


def pack_sequence_as(structure: Any, flat_sequence: Iterable[Any]) -> Any:
    """Leaves, as `flatten` returns them, in the form of a structure.

    Args:
        structure: nested lists, tuples and dictionaries.
        flat_sequence: as many leaves as it has.

    Raises:
        ArgumentError: there are more or fewer.

    Example:
        >>> pack_sequence_as({"a": 0, "b": (0, 0)}, [1, 2, 3])
        {'a': 1, 'b': (2, 3)}
    """
    leaves, wanted = list(flat_sequence), len(flatten(structure))
    if len(leaves) != wanted:
        raise ArgumentError(
            f"pack_sequence_as: the structure has {wanted} leaves, and {len(leaves)} "
            "are given."
        )
    rest = iter(leaves)
    return map_structure(lambda _: next(rest), structure)


def map_structure(
    func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True
) -> Any:
    """A function of the leaves at each place, in the form of the first structure.

    Args:
        func: takes as many arguments as there are structures.
        structures: alike in all but their leaves.
        none_is_leaf: whether `func` gets `None` as well; otherwise it stays.

    Raises:
        ArgumentError: the structures differ, or there is none.

    Example:
        >>> map_structure(lambda x, y: x + y, [1, {"a": 2}], [3, {"a": 4}])
        [4, {'a': 6}]
    """
    if not callable(func):
        raise TypeError(f"`func` must be a function. Received: {func!r}.")
    if not structures:
        raise ArgumentError("map_structure: give at least one structure.")
    for other in structures[1:]:
        assert_same_structure(structures[0], other)
    if none_is_leaf:
        return map_structure_up_to(structures[0], func, *structures)

    def some(first: Any, *others: Any) -> Any:
        return None if first is None else func(first, *others)

    return map_structure_up_to(structures[0], some, *structures)


def map_structure_up_to(
    shallow_structure: Any, func: Callable[..., Any], *structures: Any
) -> Any:
    """The same, down to the leaves of a structure that may end earlier than the others.

    Args:
        shallow_structure: how far to go.
        func: takes what each structure has at a leaf of `shallow_structure`.
        structures: at least as deep.

    Raises:
        ArgumentError: a structure is not like the shallow one.

    Example:
        >>> map_structure_up_to([0, 0], len, [(1, 2), (3,)])
        [2, 1]
    """
    if not is_nested(shallow_structure):
        return func(*structures)
    for structure in structures:
        _require_alike(shallow_structure, structure)
    columns = [[value for _, value in _entries(structure)] for structure in structures]
    values = [
        map_structure_up_to(shallow, func, *parts)
        for (_, shallow), *parts in zip(
            _entries(shallow_structure), *columns, strict=True
        )
    ]
    return _like(shallow_structure, values)


def _require_alike(one: Any, other: Any) -> None:
    """Refuse a structure that is another on its first level."""
    if type(one) is not type(other):
        raise ArgumentError(
            f"The structures differ: one has a {type(one).__name__} where the other "
            f"has {other!r}."
        )
    keys = [[key for key, _ in _entries(structure)] for structure in (one, other)]
    if keys[0] != keys[1]:
        raise ArgumentError(
            f"The structures differ: one has {keys[0]} where the other has {keys[1]}."
        )


def assert_same_structure(a: Any, b: Any, check_types: Any = None) -> None:
    """Refuse structures that differ in more than their leaves.

    Args:
        a: nested lists, tuples and dictionaries.
        b: another one.
        check_types: accepted for Keras's signature; types always count.

    Raises:
        ArgumentError: they differ.
    """
    if is_nested(a) != is_nested(b):
        raise ArgumentError(f"The structures differ: {a!r} is not nested as {b!r} is.")
    if is_nested(a):
        _require_alike(a, b)
        for (_, one), (_, other) in zip(_entries(a), _entries(b), strict=True):
            assert_same_structure(one, other)


def assert_same_paths(a: Any, b: Any) -> None:
    """Refuse structures whose leaves are at different places; types do not count.

    Args:
        a: nested lists, tuples and dictionaries.
        b: another one.

    Raises:
        ArgumentError: one has a leaf where the other has none.
    """
    paths = [{path for path, _ in _leaves(structure)} for structure in (a, b)]
    if paths[0] != paths[1]:
        raise ArgumentError(
            "The structures differ: only the first has leaves at "
            f"{sorted(paths[0] - paths[1])}, only the second at "
            f"{sorted(paths[1] - paths[0])}."
        )


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Replace parts of a structure.

    Args:
        func: takes a part, a leaf or a list, tuple or dictionary, and returns what is
            to be there instead: `None` for the part as it is, `MAP_TO_NONE` for `None`.
        structure: nested lists, tuples and dictionaries.
        top_down: whether a part is replaced before what it holds is looked at, which
            then is not; otherwise after.

    Example:
        >>> traverse(lambda x: -x if isinstance(x, int) else None, {"a": (1, 2.5)})
        {'a': (-1, 2.5)}
    """
    if top_down and (new := func(structure)) is not None:
        return _meant(new)
    if is_nested(structure):
        parts = [traverse(func, part, top_down) for _, part in _entries(structure)]
        structure = _like(structure, parts)
    if not top_down and (new := func(structure)) is not None:
        return _meant(new)
    return structure


def _meant(value: Any) -> Any:
    return None if value is MAP_TO_NONE else value


def lists_to_tuples(structure: Any) -> Any:
    """The same with a tuple for each list.

    Args:
        structure: nested lists, tuples and dictionaries.

    Example:
        >>> lists_to_tuples([1, {"a": [2]}])
        (1, {'a': (2,)})
    """
    return traverse(
        lambda part: tuple(part) if isinstance(part, list) else None,
        structure,
        top_down=False,
    )


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """A function of each shape: a list or tuple of integers and `None` is a leaf here.

    Args:
        func: takes a shape.
        structure: nested lists, tuples and dictionaries of shapes.

    Example:
        >>> map_shape_structure(len, {"a": (None, 3), "b": [(2,)]})
        {'a': 2, 'b': [1]}
    """

    def is_shape(part: Any) -> bool:
        return isinstance(part, (list, tuple)) and all(
            size is None or isinstance(size, int) for size in part
        )

    return traverse(lambda part: func(part) if is_shape(part) else None, structure)
