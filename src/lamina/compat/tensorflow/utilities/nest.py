"""Functions of `tensorflow.nest`: nested lists, tuples and dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax

from lamina.compat.tensorflow.recording.record import is_variable
from lamina.typing import PyTree


def flatten(structure: PyTree, expand_composites: bool = False) -> list[Any]:
    """Return the leaves of a nest."""
    return jax.tree.leaves(structure, is_leaf=_is_leaf)


def map_structure(func: Callable[..., Any], *structure: PyTree, **_: object) -> Any:
    """Return a nest of the results of a function of each leaf."""
    return jax.tree.map(func, *structure, is_leaf=_is_leaf)


def pack_sequence_as(
    structure: PyTree, flat_sequence: Iterable[Any], **_: object
) -> Any:
    """Return a nest with other leaves."""
    shape = jax.tree.structure(structure, is_leaf=_is_leaf)
    return jax.tree.unflatten(shape, list(flat_sequence))


def is_nested(structure: object) -> bool:
    """Return whether a value is a list, tuple or dictionary."""
    return isinstance(structure, (list, tuple, dict))


def assert_same_structure(nest1: PyTree, nest2: PyTree, **_: object) -> None:
    """Raise a `ValueError` if two nests have different structures."""
    jax.tree.map(lambda a, b: None, nest1, nest2, is_leaf=_is_leaf)


def _is_leaf(value: object) -> bool:
    return value is None or is_variable(value)
