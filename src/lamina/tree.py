"""Functions of nested lists, tuples, deques and dictionaries, as in `keras.tree`.

All other values are leaves, `None` included. Dictionaries are visited in the order of
their sorted keys, an `OrderedDict` in its insertion order.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from lamina.errors import ArgumentError
from lamina.typing import PyTree

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
    """Marker that a function passed to `traverse` returns to insert `None`.

    Example:
        >>> traverse(lambda x: MAP_TO_NONE if x == 0 else None, [0, 1])
        [None, 1]
    """


def is_nested(structure: PyTree) -> bool:
    """Return whether a value is a list, a tuple, a `deque` or a dictionary.

    Args:
        structure: any value.

    Example:
        >>> is_nested([1, 2]), is_nested({"a": 1}), is_nested(3)
        (True, True, False)
    """
    is_dictionary = type(structure) in (dict, OrderedDict, defaultdict)
    return is_dictionary or isinstance(structure, (list, tuple, deque))


def _entries(structure: Any) -> list[tuple[Any, Any]]:
    """Return keys and values of a container, in order."""
    if not isinstance(structure, dict):
        return list(enumerate(structure))
    if isinstance(structure, OrderedDict):
        return list(structure.items())
    try:
        return sorted(structure.items(), key=lambda item: item[0])
    except TypeError:  # keys of different kinds have no order
        return list(structure.items())


def _like(structure: Any, values: Iterable[Any]) -> Any:
    """Return a container like `structure` with values in the order of `_entries`."""
    if isinstance(structure, dict):
        keys = [key for key, _ in _entries(structure)]
        found = dict(zip(keys, values, strict=True))
        new = structure.copy()
        new.update({key: found[key] for key in structure})
        return new
    if hasattr(structure, "_fields"):
        return type(structure)(*values)
    if isinstance(structure, deque):
        return deque(values, structure.maxlen)
    return type(structure)(values)


def _leaves(structure: PyTree, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, Any]]:
    if not is_nested(structure):
        yield path, structure
        return
    for key, value in _entries(structure):
        yield from _leaves(value, (*path, key))


def flatten(structure: PyTree) -> list[Any]:
    """Return the leaves in order.

    Args:
        structure: nested lists, tuples and dictionaries.

    Example:
        >>> flatten({"b": [1, (2, None)], "a": 3})
        [3, 1, 2, None]
    """
    return [leaf for _, leaf in _leaves(structure)]


def flatten_with_path(structure: PyTree) -> list[tuple[tuple[Any, ...], Any]]:
    """Return the leaves in order, each with the keys and indices of its path.

    Args:
        structure: nested lists, tuples and dictionaries.

    Example:
        >>> flatten_with_path({"a": [1, 2]})
        [(('a', 0), 1), (('a', 1), 2)]
    """
    return list(_leaves(structure))


def pack_sequence_as(structure: PyTree, flat_sequence: Iterable[Any]) -> Any:
    """Arrange leaves, in the order of `flatten`, in a structure.

    Args:
        structure: nested lists, tuples and dictionaries.
        flat_sequence: as many leaves as `structure` has.

    Raises:
        ArgumentError: the number of leaves differs.

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
    func: Callable[..., Any], *structures: PyTree, none_is_leaf: bool = True
) -> Any:
    """Apply a function to the leaves at each position of structures.

    Args:
        func: takes as many arguments as there are structures.
        structures: structures that differ only in their leaves.
        none_is_leaf: whether `func` is called on `None`, which otherwise is kept.

    Returns:
        The results, in a structure like the first.

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

    def apply(first: object, *others: object) -> Any:
        is_kept = first is None and not none_is_leaf
        return None if is_kept else func(first, *others)

    return map_structure_up_to(structures[0], apply, *structures)


def map_structure_up_to(
    shallow_structure: PyTree, func: Callable[..., Any], *structures: PyTree
) -> Any:
    """Apply a function to the parts of structures at each leaf of a shallow one.

    Args:
        shallow_structure: the structure whose leaves determine the depth.
        func: takes the part of each structure at a leaf of `shallow_structure`.
        structures: structures that are at least as deep.

    Raises:
        ArgumentError: a structure does not match the shallow one.

    Example:
        >>> map_structure_up_to([0, 0], len, [(1, 2), (3,)])
        [2, 1]
    """
    if not is_nested(shallow_structure):
        return func(*structures)
    for structure in structures:
        _require_same_level(shallow_structure, structure)
    containers: Any = structures
    values = [
        map_structure_up_to(shallow, func, *(given[key] for given in containers))
        for key, shallow in _entries(shallow_structure)
    ]
    return _like(shallow_structure, values)


def _require_same_level(one: PyTree, other: PyTree) -> None:
    """Refuse structures whose first levels differ; all dictionaries are alike."""
    are_dictionaries = isinstance(one, dict) and isinstance(other, dict)
    if type(one) is not type(other) and not are_dictionaries:
        raise ArgumentError(
            f"The structures differ: one has a {type(one).__name__} where the other "
            f"has {other!r}."
        )
    keys = [[key for key, _ in _entries(structure)] for structure in (one, other)]
    if set(keys[0]) != set(keys[1]):
        raise ArgumentError(
            f"The structures differ: one has {keys[0]} where the other has {keys[1]}."
        )


def assert_same_structure(a: PyTree, b: PyTree, check_types: object = None) -> None:
    """Refuse structures that differ in more than their leaves.

    Args:
        a: nested lists, tuples and dictionaries.
        b: another one.
        check_types: accepted for Keras's signature; types are always compared, except
            those of dictionaries.

    Raises:
        ArgumentError: the structures differ.

    Example:
        >>> assert_same_structure([1, {"a": 2}], [3, {"a": 4}])
        >>> assert_same_structure([1, 2], [1])
        Traceback (most recent call last):
            ...
        lamina.errors.ArgumentError: The structures differ: one has [0, 1] where ...
    """
    if is_nested(a) != is_nested(b):
        raise ArgumentError(
            f"The structures differ: only one of {a!r} and {b!r} is a container."
        )
    if is_nested(a):
        _require_same_level(a, b)
        other: Any = b
        for key, part in _entries(a):
            assert_same_structure(part, other[key])


def assert_same_paths(a: PyTree, b: PyTree) -> None:
    """Refuse structures whose leaves have different paths; types are not compared.

    Args:
        a: nested lists, tuples and dictionaries.
        b: another one.

    Raises:
        ArgumentError: only one structure has a leaf at some path.

    Example:
        >>> assert_same_paths([1, 2], (3, 4))
        >>> assert_same_paths([1, 2], [1])
        Traceback (most recent call last):
            ...
        lamina.errors.ArgumentError: The structures differ: only the first has ...
    """
    paths = [{path for path, _ in _leaves(structure)} for structure in (a, b)]
    if paths[0] != paths[1]:
        raise ArgumentError(
            "The structures differ: only the first has leaves at "
            f"{sorted(paths[0] - paths[1])}, only the second at "
            f"{sorted(paths[1] - paths[0])}."
        )


def traverse(
    func: Callable[[Any], Any], structure: PyTree, top_down: bool = True
) -> Any:
    """Replace parts of a structure.

    Args:
        func: takes a part (a leaf, list, tuple or dictionary) and returns its
            replacement, `None` to keep the part, or `MAP_TO_NONE` to insert `None`.
        structure: nested lists, tuples and dictionaries.
        top_down: whether `func` is called on a container before its contents, which
            are not visited if it is replaced; otherwise after them.

    Example:
        >>> traverse(lambda x: -x if isinstance(x, int) else None, {"a": (1, 2.5)})
        {'a': (-1, 2.5)}
    """
    if top_down and (new := func(structure)) is not None:
        return _resolve_none(new)
    if is_nested(structure):
        parts = [traverse(func, part, top_down) for _, part in _entries(structure)]
        structure = _like(structure, parts)
    if not top_down and (new := func(structure)) is not None:
        return _resolve_none(new)
    return structure


def _resolve_none(value: object) -> Any:
    return None if value is MAP_TO_NONE else value


def lists_to_tuples(structure: PyTree) -> Any:
    """Replace each list by a tuple.

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


def map_shape_structure(func: Callable[[Any], Any], structure: PyTree) -> Any:
    """Apply a function to each shape, a list or tuple of integers and `None`.

    Args:
        func: takes a shape.
        structure: nested lists, tuples and dictionaries of shapes.

    Example:
        >>> map_shape_structure(len, {"a": (None, 3), "b": [(2,)]})
        {'a': 2, 'b': [1]}
    """

    def is_shape(part: object) -> bool:
        return isinstance(part, (list, tuple)) and all(
            size is None or isinstance(size, int) for size in part
        )

    return traverse(lambda part: func(part) if is_shape(part) else None, structure)
