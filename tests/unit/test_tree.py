"""Nested structures: the values are those that Keras 3.15.1 returns."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from typing import Any

import numpy as np
import pytest

from lamina import tree
from lamina.errors import ArgumentError

Pair = namedtuple("Pair", "x y")
MIXED = {"b": [1, (2, None)], "a": Pair(3, 4)}


def negated(value: Any) -> Any:
    return -value if isinstance(value, int) else None


FOUND = {
    "flatten": (lambda: tree.flatten(MIXED), [3, 4, 1, 2, None]),
    "flatten in own order": (
        lambda: tree.flatten(OrderedDict([("b", 1), ("a", 2)])),
        [1, 2],
    ),
    "flatten a leaf": (lambda: tree.flatten(5), [5]),
    "flatten keys of several kinds": (lambda: tree.flatten({"b": 1, 2: 3}), [1, 3]),
    "paths": (
        lambda: tree.flatten_with_path(MIXED),
        [(("a", 0), 3), (("a", 1), 4), (("b", 0), 1), (("b", 1, 0), 2),
         (("b", 1, 1), None)],
    ),
    "path of a leaf": (lambda: tree.flatten_with_path(3), [((), 3)]),
    "is nested": (
        lambda: [tree.is_nested(v) for v in ([], (), {}, MIXED["a"], OrderedDict())],
        [True] * 5,
    ),
    "is no nested": (
        lambda: [tree.is_nested(v) for v in (None, 1, "s", np.ones(2), {1})],
        [False] * 5,
    ),
    "map": (
        lambda: tree.map_structure(lambda a, b: (a, b), [1, {"x": 2}], [3, {"x": 4}]),
        [(1, 3), {"x": (2, 4)}],
    ),
    "map none": (lambda: tree.map_structure(str, [1, None]), ["1", "None"]),
    "map but none": (
        lambda: tree.map_structure(str, [1, None], none_is_leaf=False),
        ["1", None],
    ),
    "map up to": (
        lambda: tree.map_structure_up_to([0, 0], lambda *v: v, [1, [2, 3]], [4, [5]]),
        [(1, 4), ([2, 3], [5])],
    ),
    "pack": (
        lambda: tree.pack_sequence_as(MIXED, [10, 20, 30, 40, 50]),
        {"b": [30, (40, 50)], "a": Pair(10, 20)},
    ),
    "pack a leaf": (lambda: tree.pack_sequence_as(1, [7]), 7),
    "lists to tuples": (
        lambda: tree.lists_to_tuples([1, {"a": [2, [3]]}, Pair([1], 2)]),
        (1, {"a": (2, (3,))}, Pair((1,), 2)),
    ),
    "shapes": (
        lambda: tree.map_shape_structure(len, {"a": (1, None), "b": [(2, 3), [4]]}),
        {"a": 2, "b": [2, 1]},
    ),
    "traverse": (lambda: tree.traverse(negated, MIXED),
                 {"b": [-1, (-2, None)], "a": Pair(-3, -4)}),
    "traverse from above": (
        lambda: tree.traverse(lambda v: tuple(v) if type(v) is list else None,
                              [1, [2]]),
        (1, [2]),
    ),
    "traverse from below": (
        lambda: tree.traverse(lambda v: tuple(v) if type(v) is list else None,
                              [1, [2]], top_down=False),
        (1, (2,)),
    ),
    "traverse to none": (
        lambda: tree.traverse(lambda v: tree.MAP_TO_NONE if v == 2 else None, [1, 2]),
        [1, None],
    ),
    "flatten a deque": (lambda: tree.flatten(deque([1, [2, deque([3])]])), [1, 2, 3]),
    "map a deque": (
        lambda: tree.map_structure(str, deque([1, [2]], maxlen=3)),
        deque(["1", ["2"]], maxlen=3),
    ),
    "pack a deque": (
        lambda: tree.pack_sequence_as(deque([1, (2,)]), [5, 6]),
        deque([5, (6,)]),
    ),
    "paths of a deque": (
        lambda: tree.flatten_with_path(deque([1, {"a": 2}])),
        [((0,), 1), ((1, "a"), 2)],
    ),
    "traverse a deque": (lambda: tree.traverse(negated, deque([1, (2,)])),
                         deque([-1, (-2,)])),
    "tuples in a deque": (lambda: tree.lists_to_tuples([deque([1, [2]])]),
                          (deque([1, (2,)]),)),
    "shapes in a deque": (lambda: tree.map_shape_structure(len, deque([(1, 2)])),
                          deque([2])),
    "same paths of a deque": (lambda: tree.assert_same_paths(deque([1]), [2]), None),
    "same kinds of dictionaries": (
        lambda: tree.assert_same_structure(OrderedDict(b=1, a=2), {"a": 3, "b": 4}),
        None,
    ),
    "map kinds of dictionaries by key": (
        lambda: tree.map_structure(max, defaultdict(int, b=1, a=4), {"a": 2, "b": 3}),
        defaultdict(int, b=3, a=4),
    ),
    "same structure": (lambda: tree.assert_same_structure([1, (2,)], [3, (4,)]), None),
    "same paths": (lambda: tree.assert_same_paths([1, (2,)], (3, [4])), None),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_structures_are_handled_as_by_keras(name: str) -> None:
    function, expected = FOUND[name]
    found = function()
    assert found == expected and type(found) is type(expected)


def test_order_of_keys_is_preserved() -> None:
    assert list(tree.map_structure(str, {"b": 1, "a": 2})) == ["b", "a"]


REFUSED = {
    "map of others": lambda: tree.map_structure(max, [1, 2], [1]),
    "map of other kinds": lambda: tree.map_structure(max, [1, 2], (1, 2)),
    "map of nothing": lambda: tree.map_structure(max),
    "map up to less": lambda: tree.map_structure_up_to([0, 0], str, [1]),
    "a deque and a list": lambda: tree.map_structure(max, deque([1]), [2]),
    "kinds": lambda: tree.assert_same_structure([(2,)], [[4]]),
    "depths": lambda: tree.assert_same_structure([1], [[1]]),
    "keys": lambda: tree.assert_same_structure({"a": 1}, {"b": 1}),
    "paths": lambda: tree.assert_same_paths({"a": 1}, {"b": 1}),
    "too many": lambda: tree.pack_sequence_as(1, [7, 8]),
    "too few": lambda: tree.pack_sequence_as([1, 2], [7]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_structures_that_differ_are_refused(name: str) -> None:
    with pytest.raises(ArgumentError, match=r"differ|leaves|at least one"):
        REFUSED[name]()


def test_map_structure_refuses_non_functions() -> None:
    with pytest.raises(TypeError, match="must be a function"):
        tree.map_structure(3, [1])  # type: ignore[arg-type]
